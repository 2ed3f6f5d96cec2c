package vpasswd

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/sha1crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// CheckCRAM reports if response is the CRAM-MD5 response (RFC 2195) of a
// login to a challenge: HMAC-MD5 in lower-case hexadecimal digits. An unknown
// login costs as much time as a known one.
func CheckCRAM(entries []Entry, login, response, challenge string) (Entry, bool) {
	return checkCRAM(entries, login, response, challenge, respond)
}

func checkCRAM(entries []Entry, login, response, challenge string, respond func(clear, challenge string) string) (Entry, bool) {
	e, known := Find(entries, login)
	right := same(respond(e.Clear, challenge), response)
	return e, right && known && e.Clear != ""
}

// respond computes the response that a password gives to a challenge.
func respond(clear, challenge string) string {
	mac := hmac.New(md5.New, []byte(clear))
	mac.Write([]byte(challenge))
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckPassword reports if a login has this password: the clear one if the
// account has that, otherwise the one behind its crypt. The time does not tell which
// logins exist: whatever the login, one crypt of each kind and cost that the file
// holds is computed.
func CheckPassword(entries []Entry, login, password string) (Entry, bool) {
	decoder, err := newDecoder()
	if err != nil {
		return Entry{}, false
	}
	return checkPassword(entries, login, password, func(digest string) (right, computed bool) {
		return matches(decoder, digest, password)
	})
}

// A matcher compares a password with a crypt(3) digest. computed is false if the
// digest was none, so that no work was done.
type matcher func(digest string) (right, computed bool)

func checkPassword(entries []Entry, login, password string, match matcher) (Entry, bool) {
	e, known := Find(entries, login)
	right, computed := match(e.Crypt)
	done := make(map[kind]bool)
	if computed {
		done[kindOf(e.Crypt)] = true
	}
	for _, other := range entries {
		if k := kindOf(other.Crypt); k.name != "" && !done[k] {
			_, done[k] = match(other.Crypt)
		}
	}
	if e.Clear != "" {
		right = same(e.Clear, password)
	}
	return e, right && known
}

// same compares in a time that does not depend on what, or how much, is equal.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// matches reports if a password is the one behind a crypt(3) digest. A digest
// of an unknown form, such as "*", matches nothing, and nothing is computed.
func matches(decoder *crypt.Decoder, digest, password string) (right, computed bool) {
	d, err := decoder.Decode(digest)
	if err != nil {
		return false, false
	}
	right, err = d.MatchAdvanced(password)
	return err == nil && right, err == nil
}

// newDecoder knows the forms of crypt(3) that Linux and the BSDs write. The
// library's form for plain text is left out: clear has a field of its own.
func newDecoder() (*crypt.Decoder, error) {
	d := crypt.NewDecoder()
	return d, errors.Join(
		argon2.RegisterDecoder(d), bcrypt.RegisterDecoder(d), md5crypt.RegisterDecoder(d), pbkdf2.RegisterDecoder(d),
		scrypt.RegisterDecoder(d), sha1crypt.RegisterDecoder(d), shacrypt.RegisterDecoder(d))
}

// A kind is what decides how long a crypt(3) digest takes to compute.
type kind struct{ name, parameters string }

// kindOf reads the kind of a digest, `$NAME$PARAMETERS$SALT$HASH`. NAME and PARAMETERS
// are empty for what is no such digest, "*" for one.
func kindOf(digest string) kind {
	name, rest, found := strings.Cut(strings.TrimPrefix(digest, "$"), "$")
	if !found || digest[0] != '$' {
		return kind{}
	}
	end := 0
	for {
		field, _, more := strings.Cut(rest[end:], "$")
		if !more || !strings.Contains(field, "=") && (end > 0 || saltFirst(name)) {
			break
		}
		end += len(field) + 1
	}
	// The letters of bcrypt's 2a, 2b, 2x and 2y tell of old faults, not of the cost.
	if len(name) == 2 && name[0] == '2' {
		name = name[:1]
	}
	return kind{name, rest[:end]}
}

// saltFirst reports if the salt follows the name of a crypt(3) form. The others have a
// cost there, and all may have fields with an equals sign first.
func saltFirst(name string) bool {
	return name == "1" || name == "5" || name == "6" || strings.HasPrefix(name, "md5")
}
