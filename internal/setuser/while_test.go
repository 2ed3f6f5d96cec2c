package setuser

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vodmr/test/kit/require"
)

// If a user cannot read a file, root does not read it for that user, and root's rights come back.
func TestWhileReadsWithTheUsersRights(t *testing.T) {
	require.Root(t, "to become somebody else")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := (ID{65533, 65533}).While(func() error {
		if syscall.Geteuid() != 65533 || syscall.Getegid() != 65533 {
			t.Errorf("uid %d, gid %d", syscall.Geteuid(), syscall.Getegid())
		}
		_, err := os.ReadFile(secret)
		return err
	})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("another user's read: %v", err)
	}
	if err := (ID{}).While(func() error { _, err := os.ReadFile(secret); return err }); err != nil || syscall.Geteuid() != 0 {
		t.Errorf("uid %d, root's read: %v", syscall.Geteuid(), err)
	}
}
