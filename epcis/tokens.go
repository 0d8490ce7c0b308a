package epcis

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Rights are what a party may do; they can be joined.
type Rights uint8

// The rights.
const (
	MayCapture Rights = 1 << iota
	MayQuery
)

var rightNames = []struct {
	right Rights
	name  string
}{{MayCapture, "capture"}, {MayQuery, "query"}}

// ParseRights reads "capture", "query" or "capture,query".
func ParseRights(s string) (r Rights, err error) {
next:
	for word := range strings.SplitSeq(s, ",") {
		for _, known := range rightNames {
			if word == known.name {
				r |= known.right
				continue next
			}
		}
		return 0, fmt.Errorf("%q is no right: want capture, query or capture,query", word)
	}
	return r, nil
}

// String is the form that ParseRights reads.
func (r Rights) String() string {
	var words []string
	for _, known := range rightNames {
		if r&known.right != 0 {
			words = append(words, known.name)
		}
	}
	return strings.Join(words, ",")
}

// Party is who may come in.
type Party struct {
	Name   string
	Rights Rights
}

// Tokens are the credentials that are let in. Only hashes are kept: who reads the file cannot come in with it.
type Tokens struct{ list []credential }

type credential struct {
	hash  [sha256.Size]byte
	party Party
}

// maxTokens bounds the file; each request is compared with every line.
const maxTokens = 10_000

var partyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckParty says whether a name may stand for a party.
func CheckParty(name string) error {
	if !partyName.MatchString(name) {
		return fmt.Errorf("%q is no name of a party: want up to 64 letters, digits, dots, hyphens and underscores", name)
	}
	return nil
}

// ReadTokens reads a file of tokens: on each line a party, its rights and the SHA-256 of its token in hexadecimal, between
// spaces; empty lines and those that begin with # are passed over. A party may have several, to change from one to the next.
// file names it in errors.
func ReadTokens(file string, r io.Reader) (*Tokens, error) {
	t := &Tokens{}
	seen := map[[sha256.Size]byte]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		fault := func(err error) error { return fmt.Errorf("%s:%d: %w", file, n, err) }
		if len(fields) != 3 {
			return nil, fault(fmt.Errorf("want a party, its rights and the hash of its token; there are %d words", len(fields)))
		}
		c := credential{party: Party{Name: fields[0]}}
		if err := CheckParty(c.party.Name); err != nil {
			return nil, fault(err)
		}
		var err error
		if c.party.Rights, err = ParseRights(fields[1]); err != nil {
			return nil, fault(err)
		}
		hash, err := hex.DecodeString(fields[2])
		if err != nil || len(hash) != sha256.Size {
			return nil, fault(fmt.Errorf("the hash is not %d hexadecimal digits", 2*sha256.Size))
		}
		c.hash = [sha256.Size]byte(hash)
		if before, there := seen[c.hash]; there {
			return nil, fault(fmt.Errorf("the same hash is on line %d", before))
		}
		seen[c.hash] = n
		if t.list = append(t.list, c); len(t.list) > maxTokens {
			return nil, fault(fmt.Errorf("more than %d tokens", maxTokens))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(t.list) == 0 {
		return nil, fmt.Errorf("%s: no token; make one with `charye supply token`", file)
	}
	return t, nil
}

const tokenPrefix = "charye-epcis-"

// NewToken makes a token of 256 random bits and the line of the file that lets it in.
func NewToken(p Party) (token, line string) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // it never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	hash := sha256.Sum256([]byte(token))
	return token, fmt.Sprintf("%s %s %s", p.Name, p.Rights, hex.EncodeToString(hash[:]))
}

// find compares with every line, however soon one fits, so that time tells nothing.
func (t *Tokens) find(token string) (p Party, ok bool) {
	hash := sha256.Sum256([]byte(token))
	at := -1
	for i := range t.list {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], t.list[i].hash[:]), i, at)
	}
	if at < 0 {
		return p, false
	}
	return t.list[at].party, true
}
