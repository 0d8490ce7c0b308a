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

// Layout of a session token: version 1 is a citizen's, version 2 one of staff. All numbers are big-endian; offsets and lengths
// are in bytes.
//
//	  0    1  version
//	  1    4  id of the token key (seal.Signer.KeyID)
//	  5   16  person key
//	 21    4  date of birth, days since 1970-01-01, signed; 0 in version 2
//	 25    8  signed in at, Unix seconds, signed
//	 33    8  expires at, Unix seconds, signed
//	 41    2  version 2 only: roles, a bit each; never 0
//	 43   16  version 2 only: unit
//	  h  129  sealed name: Tink AES-256-GCM (5 key prefix, 12 nonce, 96 ciphertext, 16 tag); associated data =
//	          "session/name/1/" and the bytes before it; plaintext = 1 byte length, the name in UTF-8, zeros up to 96
//	h+129 16  tag: HMAC-SHA256 over all bytes before it, first 16 bytes, key of purpose "session"
//
// h is 41 in version 1 and 59 in version 2: 186 and 204 bytes, written as 248 and 272 characters of base64url without padding.
// Both are multiples of 3: the encoding has no spare bits, and only one string stands for these bytes. Every token of a version
// has the same length whatever it holds.
const (
	citizenVersion = 1
	staffVersion   = 2
	nameBlock      = 96
	sealedNameSize = 5 + 12 + nameBlock + 16

	offKeyID    = 1
	offKey      = 5
	offBorn     = 21
	offSignedIn = 25
	offExpires  = 33
	citizenHead = 41
	offRoles    = 41
	offUnit     = 43
	staffHead   = 59
	behindHead  = sealedNameSize + seal.TagSize
	maxSession  = staffHead + behindHead

	// SessionTokenLen is the length of every citizen's session token in characters, StaffTokenLen that of every one of staff.
	SessionTokenLen = ((citizenHead+behindHead)*8 + 5) / 6
	StaffTokenLen   = (maxSession*8 + 5) / 6

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
	case s.IsStaff() && (!s.Roles.known() || s.ExpiresAt.Sub(s.SignedInAt) > StaffSessionLife):
		return "", errors.New("issue session: one of staff has roles that there are, and lasts a shift")
	case !s.IsStaff() && s.Unit != [16]byte{}:
		return "", errors.New("issue session: only staff work at a unit")
	}
	head, version := citizenHead, byte(citizenVersion)
	if s.IsStaff() {
		head, version = staffHead, staffVersion
	}
	signer := ss.tagger.Signer()
	b := make([]byte, head, head+behindHead)
	b[0] = version
	binary.BigEndian.PutUint32(b[offKeyID:], signer.KeyID())
	copy(b[offKey:], s.Key[:])
	binary.BigEndian.PutUint32(b[offBorn:], uint32(s.Born))
	binary.BigEndian.PutUint64(b[offSignedIn:], uint64(s.SignedInAt.Unix()))
	binary.BigEndian.PutUint64(b[offExpires:], uint64(s.ExpiresAt.Unix()))
	if s.IsStaff() {
		binary.BigEndian.PutUint16(b[offRoles:], uint16(s.Roles))
		copy(b[offUnit:], s.Unit[:])
	}

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
	tag := signer.Tag(b)
	b = append(b, tag[:]...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Verify reads the session of a token at the instant now: [ErrSession] for anything but a token exactly as Issue gave it,
// [ErrSessionExpired] from the second of ExpiresAt on. Name stays empty; see [Sessions.OpenName]. It does not allocate.
func (ss *Sessions) Verify(token string, now time.Time) (Session, error) {
	var room [maxSession]byte
	b, head := ss.decode(token, &room)
	if b == nil {
		return Session{}, ErrSession
	}
	signedIn, expires := int64(binary.BigEndian.Uint64(b[offSignedIn:])), int64(binary.BigEndian.Uint64(b[offExpires:]))
	if now.Unix() >= expires {
		return Session{}, ErrSessionExpired
	}
	s := Session{
		Key:        Key(b[offKey:offBorn]),
		Born:       civil.Date(int32(binary.BigEndian.Uint32(b[offBorn:]))),
		SignedInAt: time.Unix(signedIn, 0).UTC(),
		ExpiresAt:  time.Unix(expires, 0).UTC(),
	}
	if head == staffHead {
		s.Roles, s.Unit = Roles(binary.BigEndian.Uint16(b[offRoles:])), [16]byte(b[offUnit:staffHead])
		if !s.IsStaff() || !s.Roles.known() || expires-signedIn > int64(StaffSessionLife/time.Second) {
			return Session{}, ErrSession
		}
	}
	return s, nil
}

// OpenName gives the name sealed in a genuine token, for pages that greet a person whom [Sessions.Verify] let in. It
// does not ask whether the session has expired. Errors: [ErrSession].
func (ss *Sessions) OpenName(token string) (string, error) {
	var room [maxSession]byte
	b, head := ss.decode(token, &room)
	if b == nil {
		return "", ErrSession
	}
	block, err := ss.keys.Open(sessionNamePlace+string(b[:head]), b[head:head+sealedNameSize])
	if err != nil || len(block) != nameBlock || int(block[0]) > MaxNameLen {
		return "", ErrSession
	}
	return string(block[1 : 1+int(block[0])]), nil
}

// decode writes the bytes of token to room and gives them with the length of their head; nil unless they carry a good tag.
func (ss *Sessions) decode(token string, room *[maxSession]byte) (b []byte, head int) {
	var version byte
	switch len(token) {
	case SessionTokenLen:
		head, version = citizenHead, citizenVersion
	case StaffTokenLen:
		head, version = staffHead, staffVersion
	default:
		return nil, 0
	}
	var text [StaffTokenLen]byte
	copy(text[:], token)
	b = room[:head+behindHead]
	// The decoder skips line breaks and would then give fewer bytes: n catches that.
	n, err := sessionEncoding.Decode(b, text[:len(token)])
	if err != nil || n != len(b) || b[0] != version {
		return nil, 0
	}
	at := len(b) - seal.TagSize
	if !ss.tagger.Check(binary.BigEndian.Uint32(b[offKeyID:]), b[:at], b[at:]) {
		return nil, 0
	}
	return b, head
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
