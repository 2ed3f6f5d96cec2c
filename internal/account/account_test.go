package account

import (
	"errors"
	"os/user"
	"testing"
)

func TestFind(t *testing.T) {
	if root, err := Find("root"); err != nil || root.Name != "root" || root.UID != 0 || root.Home == "" {
		t.Errorf("root: got %+v, %v", root, err)
	}
	_, err := Find("no-such-account")
	if _, unknown := errors.AsType[user.UnknownUserError](err); !unknown {
		t.Errorf("an account that does not exist: %v", err)
	}
}
