package vpasswd

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/sha1crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// CheckCRAM says whether response is the CRAM-MD5 response (RFC 2195) of a
// login to a challenge: HMAC-MD5 in lower-case hexadecimal digits. An unknown
// login costs as much time as a known one.
func CheckCRAM(entries []Entry, login, response, challenge string) (Entry, bool) {
	e, known := Find(entries, login)
	mac := hmac.New(md5.New, []byte(e.Clear))
	mac.Write([]byte(challenge))
	right := same(hex.EncodeToString(mac.Sum(nil)), response)
	return e, right && known && e.Clear != ""
}

// CheckPassword says whether a login has this password: the clear one where the
// account has that, else the one behind its crypt. crypt's work is always done:
// for an unknown login, or an account without a crypt, that of the first account
// that has one, so that the time does not tell which logins exist.
func CheckPassword(entries []Entry, login, password string) (Entry, bool) {
	e, known := Find(entries, login)
	digest := e.Crypt
	if digest == "" {
		digest = firstCrypt(entries)
	}
	right := matches(digest, password) && e.Crypt != ""
	if e.Clear != "" {
		right = same(e.Clear, password)
	}
	return e, right && known
}

func firstCrypt(entries []Entry) string {
	for _, e := range entries {
		if e.Crypt != "" {
			return e.Crypt
		}
	}
	return ""
}

// same compares in a time that does not depend on what, or how much, is equal.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// matches says whether a password is the one behind a crypt(3) digest. A digest
// of an unknown form, such as "*", matches nothing.
func matches(digest, password string) bool {
	decoder, err := newDecoder()
	if err != nil {
		return false
	}
	d, err := decoder.Decode(digest)
	if err != nil {
		return false
	}
	right, err := d.MatchAdvanced(password)
	return err == nil && right
}

// newDecoder knows the forms of crypt(3) that Linux and the BSDs write. The
// library's form for plain text is left out: clear has a field of its own.
func newDecoder() (*crypt.Decoder, error) {
	d := crypt.NewDecoder()
	registers := []func(algorithm.DecoderRegister) error{
		argon2.RegisterDecoder, bcrypt.RegisterDecoder, md5crypt.RegisterDecoder, pbkdf2.RegisterDecoder,
		scrypt.RegisterDecoder, sha1crypt.RegisterDecoder, shacrypt.RegisterDecoder,
	}
	for _, register := range registers {
		if err := register(d); err != nil {
			return nil, err
		}
	}
	return d, nil
}
