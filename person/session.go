package person

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"charye/internal/civil"
	"charye/internal/seal"
)

// What [Sessions] refuses.
var (
	// ErrSession: the token was not made by this installation, was changed, or its key is no longer in the key file.
	ErrSession = errors.New("session token is not valid")
	// ErrSessionExpired: a genuine token at or after its expiry.
	ErrSessionExpired = errors.New("session has expired")
)

// Layout of a session token, version 1. All numbers are big-endian; offsets and lengths are in bytes.
//
//	  0    1  version = 1
//	  1    4  id of the token key (seal.Tagger.KeyID)
//	  5   16  person key
//	 21    4  date of birth, days since 1970-01-01, signed
//	 25    8  signed in at, Unix seconds, signed
//	 33    8  expires at, Unix seconds, signed
//	 41  129  sealed name: Tink AES-256-GCM (5 key prefix, 12 nonce, 96 ciphertext, 16 tag); associated data =
//	          "session/name/1/" and bytes 0-40; plaintext = 1 byte length, the name in UTF-8, zeros up to 96
//	170   16  tag: HMAC-SHA256 over bytes 0-169, first 16 bytes, key of purpose "session"
//
// 186 bytes are written as 248 characters of base64url without padding. 186 is a multiple of 3: the encoding has no
// spare bits, and only one string stands for these bytes. Every token has the same length whatever it holds.
const (
	sessionVersion = 1
	nameBlock      = 96
	sealedNameSize = 5 + 12 + nameBlock + 16

	offKeyID    = 1
	offKey      = 5
	offBorn     = 21
	offSignedIn = 25
	offExpires  = 33
	offName     = 41
	offTag      = offName + sealedNameSize
	sessionSize = offTag + seal.TagSize

	// SessionTokenLen is the length of every session token in characters.
	SessionTokenLen = (sessionSize*8 + 5) / 6

	// MaxNameLen is how many bytes of a name a session carries: 31 Hangul syllables. What is longer is cut at a character.
	MaxNameLen = nameBlock - 1

	sessionNamePlace = "session/name/1/"
)

// Sessions issues and verifies session tokens. Tokens are bearer proofs: whoever holds one is that person until it
// expires. They are not kept anywhere and cannot be called back one by one; taking their key out of the key file ends
// all of them. Safe for concurrent use.
type Sessions struct {
	keys   *seal.Keys
	tagger *seal.Tagger
}

// NewSessions makes the sessions of an installation.
func NewSessions(keys *seal.Keys) *Sessions {
	return &Sessions{keys: keys, tagger: keys.Tagger("session")}
}

// Issue makes the token of s. It needs a person key, and an expiry after the sign-in; both times must be whole seconds.
// The name loses control characters and what is over [MaxNameLen] bytes.
func (ss *Sessions) Issue(s Session) (string, error) {
	switch {
	case s.Key.IsZero():
		return "", errors.New("issue session: no person key")
	case s.SignedInAt.Nanosecond() != 0 || s.ExpiresAt.Nanosecond() != 0:
		return "", errors.New("issue session: times must be whole seconds")
	case !s.ExpiresAt.After(s.SignedInAt):
		return "", errors.New("issue session: it would expire before it began")
	}
	b := make([]byte, offName, sessionSize)
	b[0] = sessionVersion
	binary.BigEndian.PutUint32(b[offKeyID:], ss.tagger.KeyID())
	copy(b[offKey:], s.Key[:])
	binary.BigEndian.PutUint32(b[offBorn:], uint32(s.Born))
	binary.BigEndian.PutUint64(b[offSignedIn:], uint64(s.SignedInAt.Unix()))
	binary.BigEndian.PutUint64(b[offExpires:], uint64(s.ExpiresAt.Unix()))

	var block [nameBlock]byte
	block[0] = byte(copy(block[1:], boundedName(s.Name)))
	sealed, err := ss.keys.Seal(sessionNamePlace+string(b), block[:])
	if err != nil {
		return "", fmt.Errorf("issue session: %w", err)
	}
	if len(sealed) != sealedNameSize {
		return "", fmt.Errorf("issue session: sealed name has %d bytes, the layout has %d: the key file's field key is of another kind", len(sealed), sealedNameSize)
	}
	b = append(b, sealed...)
	tag := ss.tagger.Tag(b)
	b = append(b, tag[:]...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Verify reads the session of a token at the instant now: [ErrSession] for anything but a token exactly as Issue gave it,
// [ErrSessionExpired] from the second of ExpiresAt on. Name stays empty; see [Sessions.OpenName]. It does not allocate.
func (ss *Sessions) Verify(token string, now time.Time) (Session, error) {
	var b [sessionSize]byte
	if !ss.decode(token, &b) {
		return Session{}, ErrSession
	}
	expires := int64(binary.BigEndian.Uint64(b[offExpires:]))
	if now.Unix() >= expires {
		return Session{}, ErrSessionExpired
	}
	return Session{
		Key:        Key(b[offKey:offBorn]),
		Born:       civil.Date(int32(binary.BigEndian.Uint32(b[offBorn:]))),
		SignedInAt: time.Unix(int64(binary.BigEndian.Uint64(b[offSignedIn:])), 0).UTC(),
		ExpiresAt:  time.Unix(expires, 0).UTC(),
	}, nil
}

// OpenName gives the name sealed in a genuine token, for pages that greet a person whom [Sessions.Verify] let in. It
// does not ask whether the session has expired. Errors: [ErrSession].
func (ss *Sessions) OpenName(token string) (string, error) {
	var b [sessionSize]byte
	if !ss.decode(token, &b) {
		return "", ErrSession
	}
	block, err := ss.keys.Open(sessionNamePlace+string(b[:offName]), b[offName:offTag])
	if err != nil || len(block) != nameBlock || int(block[0]) > MaxNameLen {
		return "", ErrSession
	}
	return string(block[1 : 1+int(block[0])]), nil
}

// decode writes the bytes of token to b and reports whether they carry a good tag.
func (ss *Sessions) decode(token string, b *[sessionSize]byte) bool {
	if len(token) != SessionTokenLen {
		return false
	}
	var text [SessionTokenLen]byte
	copy(text[:], token)
	// The decoder skips line breaks and would then give fewer bytes: n catches that.
	n, err := sessionEncoding.Decode(b[:], text[:])
	if err != nil || n != sessionSize || b[0] != sessionVersion {
		return false
	}
	return ss.tagger.Check(binary.BigEndian.Uint32(b[offKeyID:]), b[:offTag], b[offTag:])
}

var sessionEncoding = base64.RawURLEncoding.Strict()

// boundedName is a name fit to be carried: valid UTF-8, one line, at most MaxNameLen bytes.
func boundedName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, name))
	if len(name) <= MaxNameLen {
		return name
	}
	cut := MaxNameLen
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimSpace(name[:cut])
}
