package person

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Where sealed values belong: the same in every engine, so that rows can move from one to another as they are.

// PhonePlace is where a recipient's telephone number belongs.
func PhonePlace(id string) string { return "people.db/recipient/phone/" + id }

// TemporaryNamePlace is where the name of a temporary identity belongs.
func TemporaryNamePlace(index [16]byte) string {
	return "people.db/temporary/name/" + hex.EncodeToString(index[:])
}

// Complete reports what a recipient lacks before it can be kept, and fills in what may be left out.
func (r *Recipient) Complete() error {
	if r.Kind == "" {
		r.Kind = Family
	}
	switch {
	case r.Helper.IsZero() || r.Key.IsZero() || r.Campaign == "":
		return errors.New("helper, person and campaign are needed")
	case r.Kind.IsDesk() == r.Clerk.IsZero():
		return errors.New("a desk's recipient has a clerk, and no other has")
	case r.Kind.IsDesk() && r.Consent != ConsentPhone && r.Consent != ConsentHere:
		return errors.New("a desk's recipient has agreed on the telephone or in person")
	case !r.Kind.IsDesk() && (r.Consent != "" || r.Phone != "" || r.Settled):
		return errors.New("consent, telephone and settled are of desks")
	}
	return nil
}

// Added is what the event of a new recipient tells.
func (r *Recipient) Added() map[string]any {
	what := map[string]any{"recipient": r.ID, "person": r.Key.String(), "campaign": r.Campaign}
	if r.Kind != Family {
		what["kind"] = r.Kind
	}
	if !r.Clerk.IsZero() {
		what["clerk"], what["consent"] = r.Clerk.String(), r.Consent
	}
	if r.Temporary {
		what["temporary"] = true
	}
	return what
}

// Told is what the event of a look tells; who looked is the event's own.
func (l *Look) Told() map[string]any {
	people := make([]string, len(l.People))
	for i, k := range l.People {
		people[i] = k.String()
	}
	what := map[string]any{"why": l.Why, "role": l.Role.String(), "desk": l.Desk.String(), "people": people}
	if l.Campaign != "" {
		what["campaign"] = l.Campaign
	}
	return what
}

// ReadLook reads what the event of a look tells.
func ReadLook(seq int64, at time.Time, clerk, what []byte) (l SeenLook, err error) {
	var w struct {
		Why      string   `json:"why"`
		Role     string   `json:"role"`
		Desk     string   `json:"desk"`
		Campaign string   `json:"campaign"`
		People   []string `json:"people"`
	}
	if err := json.Unmarshal(what, &w); err != nil {
		return l, fmt.Errorf("look %d: %w", seq, err)
	}
	l.Seq, l.At, l.Why, l.Campaign = seq, at.UTC(), w.Why, w.Campaign
	l.Role, _ = ParseRole(w.Role)
	copy(l.Clerk[:], clerk)
	if l.Desk, err = parseKey(w.Desk); err != nil {
		return l, fmt.Errorf("look %d: desk: %w", seq, err)
	}
	for _, p := range w.People {
		k, err := parseKey(p)
		if err != nil {
			return l, fmt.Errorf("look %d: people: %w", seq, err)
		}
		l.People = append(l.People, k)
	}
	return l, nil
}

func parseKey(s string) (k Key, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, errors.New("want the digits of a key")
	}
	return Key(b), nil
}

// Issued is what the event of a temporary identity tells.
func (t *TemporaryIdentity) Issued() map[string]any {
	return map[string]any{"person": t.Key.String(), "desk": t.Desk.String(), "paper": t.Paper}
}
