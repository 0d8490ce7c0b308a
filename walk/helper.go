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
	"unicode"
	"unicode/utf8"

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
	MaxName     = 100
	MaxIdentity = 64
)

// identityGuesses is how often one helper may have an identity number looked up, whatever face they come by: enough for
// typing errors, too few for guessing.
var identityGuesses = ratelimit.Rate{Every: 30 * time.Second, Burst: 10}

// AddRecipient registers a recipient for the actor as helper.
func (w *Walk) AddRecipient(ctx context.Context, a Actor, r NewRecipient) (person.Recipient, error) {
	if err := Citizen(a); err != nil {
		return person.Recipient{}, err
	}
	c, err := w.CampaignRules(r.Campaign)
	if err != nil {
		return person.Recipient{}, err
	}
	if err := w.helping(c); err != nil {
		return person.Recipient{}, err
	}
	r.Name = strings.TrimSpace(r.Name)
	switch {
	case !GoodName(r.Name):
		return person.Recipient{}, Refuse(BadRequest, "name: want 1 to %d characters", MaxName).At("name")
	case r.Identity == "" || len(r.Identity) > MaxIdentity:
		return person.Recipient{}, Refuse(BadRequest, "identity: want the identity number").At("identity")
	case !r.Consent:
		return person.Recipient{}, Refuse(BadRequest, "consent: the recipient must have agreed; without that nobody can be helped").At("consent")
	}
	kind := person.Family
	if r.Guardian {
		kind = person.Guardian
	}
	if err := w.mayActAs(c, kind, r.Born); err != nil {
		return person.Recipient{}, err
	}
	known, err := w.Identify(ctx, a, r.Identity, r.Born)
	if err != nil {
		return person.Recipient{}, err
	}
	if known.Key == a.Key {
		return person.Recipient{}, Refuse(BadRequest, "identity: this is you; book for yourself").At("identity")
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
		return person.Recipient{}, Refuse(HelperNotAllowed, "you already help %d people in this campaign, which is the most it allows", c.Helpers.PerHelper)
	case err != nil:
		return person.Recipient{}, Unavailable(err)
	}
	return got, nil
}

// Identify finds a person by identity number and date of birth, within what one actor may guess.
func (w *Walk) Identify(ctx context.Context, a Actor, identity string, born civil.Date) (person.Identity, error) {
	if code, looks := person.ParseTemporary(identity); code != "" {
		identity = code
	} else if looks {
		return person.Identity{}, Refuse(BadRequest, "identity: the code has a typing error; compare it symbol by symbol").At("code")
	}
	if wait := w.guesses.Allow(ratelimit.Key{ID: a.Key}, identityGuesses, w.now()); wait > 0 && !weak.Off(weak.Guesses) {
		e := Refuse(RateLimited, "too many identity numbers in a short time; check them, and try again after the time given")
		e.RetryAfter = wait
		return person.Identity{}, e
	}
	known, err := w.people.FindIdentity(ctx, person.Values(w.keyer.IdentityIndexes(identity))...)
	if err != nil && !errors.Is(err, person.ErrIdentityUnknown) {
		return known, Unavailable(err)
	}
	// One answer for an unknown number and a wrong date: a wrong guess must not tell which half was right.
	if err != nil || known.Born != born {
		return person.Identity{}, Refuse(HelperNotAllowed, "date of birth and identity number do not belong together in the roster; check both")
	}
	return known, nil
}

// GoodName reports whether a name is one that is taken: 1 to [MaxName] characters, none of them a control.
func GoodName(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxName && !strings.ContainsFunc(s, unicode.IsControl)
}

// mayActAs refuses whoever may not act for somebody of this age in this way: a child's family without being its guardian, or somebody's guardian
// who can agree for themselves.
func (w *Walk) mayActAs(c *programme.Campaign, kind person.RecipientKind, born civil.Date) error {
	family, guardian := c.Helpers.As(born, civil.Of(w.now(), w.programme.Zone))
	switch {
	case kind == person.Guardian && guardian, kind != person.Guardian && family, weak.Off(weak.FaultGuardian):
		return nil
	case kind != person.Guardian:
		return Refuse(HelperNotAllowed, "guardian: for somebody under %d a parent or guardian has to act, and agree for them", c.Helpers.Guardians.Under).At("guardian")
	case c.Helpers.Guardians == nil:
		return Refuse(HelperNotAllowed, "guardian: in %s people agree for themselves; register them as family", c.ID).At("guardian")
	}
	return Refuse(HelperNotAllowed, "guardian: whoever is %d or older agrees for themselves; register them as family", c.Helpers.Guardians.Under).At("guardian")
}

// Recipients lists the actor's recipients.
func (w *Walk) Recipients(ctx context.Context, a Actor) ([]person.Recipient, error) {
	if err := Citizen(a); err != nil {
		return nil, err
	}
	rs, err := w.people.Recipients(ctx, a.Key)
	if err != nil {
		return nil, Unavailable(err)
	}
	return rs, nil
}

// RemoveRecipient withdraws one. Places and bookings of the recipient stay theirs.
func (w *Walk) RemoveRecipient(ctx context.Context, a Actor, id string) error {
	if err := Citizen(a); err != nil {
		return err
	}
	if err := w.people.RemoveRecipient(ctx, a.Key, id, w.now()); err != nil && !errors.Is(err, person.ErrNoRecipient) {
		return Unavailable(err)
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
