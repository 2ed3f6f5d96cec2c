//go:build linux

package main

import "github.com/hanwen/go-fuse/v2/fuse"

// A slow file system lets each call that the kernel waits for go through the gate, and
// then does as the file system behind it does. It leaves out RELEASE, which the kernel
// sends after close(2) has returned, and what no program of ours calls.
type slow struct {
	fuse.RawFileSystem
	gate *gate
}

func (s *slow) Lookup(cancel <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Lookup(cancel, header, name, out)
}

func (s *slow) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.GetAttr(cancel, in, out)
}

func (s *slow) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.SetAttr(cancel, in, out)
}

func (s *slow) Statx(cancel <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Statx(cancel, in, out)
}

func (s *slow) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Mknod(cancel, in, name, out)
}

func (s *slow) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Mkdir(cancel, in, name, out)
}

func (s *slow) Unlink(cancel <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Unlink(cancel, header, name)
}

func (s *slow) Rmdir(cancel <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Rmdir(cancel, header, name)
}

func (s *slow) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Rename(cancel, in, from, to)
}

func (s *slow) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Link(cancel, in, name, out)
}

func (s *slow) Symlink(cancel <-chan struct{}, header *fuse.InHeader, to, name string, out *fuse.EntryOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Symlink(cancel, header, to, name, out)
}

func (s *slow) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Create(cancel, in, name, out)
}

func (s *slow) Tmpfile(cancel <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Tmpfile(cancel, in, out)
}

func (s *slow) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Open(cancel, in, out)
}

func (s *slow) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	s.gate.pass()
	return s.RawFileSystem.Read(cancel, in, buf)
}

func (s *slow) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	s.gate.pass()
	return s.RawFileSystem.Write(cancel, in, data)
}

func (s *slow) GetLk(cancel <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.GetLk(cancel, in, out)
}

func (s *slow) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.SetLk(cancel, in)
}

func (s *slow) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.SetLkw(cancel, in)
}

func (s *slow) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Flush(cancel, in)
}

func (s *slow) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Fsync(cancel, in)
}

func (s *slow) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.Fallocate(cancel, in)
}

func (s *slow) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.OpenDir(cancel, in, out)
}

func (s *slow) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.ReadDir(cancel, in, out)
}

func (s *slow) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.ReadDirPlus(cancel, in, out)
}

func (s *slow) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.FsyncDir(cancel, in)
}

func (s *slow) StatFs(cancel <-chan struct{}, header *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	s.gate.pass()
	return s.RawFileSystem.StatFs(cancel, header, out)
}
