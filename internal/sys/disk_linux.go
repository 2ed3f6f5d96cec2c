package sys

func diskFrom(st *statfs) Disk {
	size := uint64(st.Bsize)
	return Disk{
		Network: networkName(uint32(st.Type)),
		Size:    st.Blocks * size, Free: st.Bavail * size, Files: st.Files, Unused: st.Ffree,
	}
}
