package line

import (
	"encoding/base64"
	"encoding/binary"
	"sync"

	"charye/internal/seal"
)

// Tickets and passes share one form:
//
//	offset  size  field (integers are big-endian)
//	0       1     version: 1
//	1       4     key id, names the key of the tag
//	5       n     fields, see [Tickets] and [Passes]
//	5+n     16    tag: HMAC-SHA256, cut to 16 bytes, over everything before it, under the key of the token's purpose
//
// written as base64url (RFC 4648 section 5) without padding. Exactly one text stands for a token: the length is exact,
// spare bits of the last character are zero, and line breaks, which Go's decoder would skip, make the length wrong.
const (
	tokenVersion = 1
	tokenHead    = 1 + 4
)

var strictText = base64.RawURLEncoding.Strict()

// scratch is the working space of one coding; the tag's hash would otherwise move it to the heap each time.
type scratch struct {
	raw  [passBytes]byte
	text [passText]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) head(t seal.Signer) []byte {
	return binary.BigEndian.AppendUint32(append(s.raw[:0], tokenVersion), t.KeyID())
}

func finish(dst, body []byte, t seal.Signer) []byte {
	tag := t.Tag(body)
	return base64.RawURLEncoding.AppendEncode(dst, append(body, tag[:]...))
}

// open gives the fields of a token of size bytes when its text is the one text of it and its tag is right.
func (s *scratch) open(text string, size int, t *seal.Tagger) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	n, err := strictText.Decode(s.raw[:], s.text[:copy(s.text[:], text)])
	if err != nil || n != size || s.raw[0] != tokenVersion {
		return nil, false
	}
	body, tag := s.raw[:size-seal.TagSize], s.raw[size-seal.TagSize:size]
	if !t.Check(binary.BigEndian.Uint32(body[1:]), body, tag) {
		return nil, false
	}
	return body[tokenHead:], true
}
