package walk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/internal/ratelimit"
	"charye/internal/weak"
	"charye/person"
	"charye/programme"
)

// NewRecipient is what a helper fills in. Consent must be true: the helper states that the recipient agreed.
type NewRecipient struct {
	Campaign string
	Name     string
	Born     civil.Date
	Identity string // identity number, checked against the roster and not kept
	Consent  bool   // of a guardian: their own, for the child or ward
	Guardian bool   // the helper is the recipient's parent or guardian
}

// The longest name and identity number taken, in characters and bytes; openapi.yaml says the same.
const (
	maxName     = 100
	maxIdentity = 64
)

// identityGuesses is how often one helper may have an identity number looked up, whatever face they come by: enough for
// typing errors, too few for guessing.
var identityGuesses = ratelimit.Rate{Every: 30 * time.Second, Burst: 10}

// AddRecipient registers a recipient for the actor as helper.
func (w *Walk) AddRecipient(ctx context.Context, a Actor, r NewRecipient) (person.Recipient, error) {
	if err := citizen(a); err != nil {
		return person.Recipient{}, err
	}
	c, err := w.campaign(r.Campaign)
	if err != nil {
		return person.Recipient{}, err
	}
	if err := w.helping(c); err != nil {
		return person.Recipient{}, err
	}
	r.Name = strings.TrimSpace(r.Name)
	switch {
	case !goodName(r.Name):
		return person.Recipient{}, refuse(BadRequest, "name: want 1 to %d characters", maxName).field("name")
	case r.Identity == "" || len(r.Identity) > maxIdentity:
		return person.Recipient{}, refuse(BadRequest, "identity: want the identity number").field("identity")
	case !r.Consent:
		return person.Recipient{}, refuse(BadRequest, "consent: the recipient must have agreed; without that nobody can be helped").field("consent")
	}
	kind := person.Family
	if r.Guardian {
		kind = person.Guardian
	}
	if err := w.mayActAs(c, kind, r.Born); err != nil {
		return person.Recipient{}, err
	}
	known, err := w.identify(ctx, a, r.Identity, r.Born)
	if err != nil {
		return person.Recipient{}, err
	}
	if known.Key == a.Key {
		return person.Recipient{}, refuse(BadRequest, "identity: this is you; book for yourself").field("identity")
	}
	if weak.Off(weak.Quiet) {
		w.log.InfoContext(ctx, "a recipient", slog.String("whom", r.Name))
	}
	got, err := w.people.AddRecipient(ctx, person.Recipient{
		ID: rand.Text(), Helper: a.Key, Key: known.Key, Campaign: c.ID, Name: r.Name, Born: r.Born, RegisteredAt: w.now(),
		Kind: kind, Temporary: known.Temporary,
	}, c.Helpers.PerHelper)
	switch {
	case errors.Is(err, person.ErrHelperLimit):
		return person.Recipient{}, refuse(HelperNotAllowed, "you already help %d people in this campaign, which is the most it allows", c.Helpers.PerHelper)
	case err != nil:
		return person.Recipient{}, unavailable(err)
	}
	return got, nil
}

// mayActAs refuses whoever may not act for somebody of this age in this way: a child's family without being its guardian, or somebody's guardian
// who can agree for themselves.
func (w *Walk) mayActAs(c *programme.Campaign, kind person.RecipientKind, born civil.Date) error {
	family, guardian := c.Helpers.As(born, civil.Of(w.now(), w.programme.Zone))
	switch {
	case kind == person.Guardian && guardian, kind != person.Guardian && family, weak.Off(weak.FaultGuardian):
		return nil
	case kind != person.Guardian:
		return refuse(HelperNotAllowed, "guardian: for somebody under %d a parent or guardian has to act, and agree for them", c.Helpers.Guardians.Under).field("guardian")
	case c.Helpers.Guardians == nil:
		return refuse(HelperNotAllowed, "guardian: in %s people agree for themselves; register them as family", c.ID).field("guardian")
	}
	return refuse(HelperNotAllowed, "guardian: whoever is %d or older agrees for themselves; register them as family", c.Helpers.Guardians.Under).field("guardian")
}

// Recipients lists the actor's recipients.
func (w *Walk) Recipients(ctx context.Context, a Actor) ([]person.Recipient, error) {
	if err := citizen(a); err != nil {
		return nil, err
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return nil, unavailable(err)
	}
	return rs, nil
}

// RemoveRecipient withdraws one. Places and bookings of the recipient stay theirs.
func (w *Walk) RemoveRecipient(ctx context.Context, a Actor, id string) error {
	if err := citizen(a); err != nil {
		return err
	}
	if err := w.people.RemoveRecipient(ctx, a.Key, id, w.now()); err != nil && !errors.Is(err, person.ErrNoRecipient) {
		return unavailable(err)
	}
	return nil
}

var idCoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func (w *Walk) bookingTag(id int64) string {
	h := hmac.New(sha256.New, w.bookingID[:])
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	h.Write(b[:])
	return idCoding.EncodeToString(h.Sum(nil)[:10])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func sortNewest(bs []Booking) {
	slices.SortStableFunc(bs, func(a, b Booking) int { return b.MadeAt.Compare(a.MadeAt) })
}
