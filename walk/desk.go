package walk

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"charye/internal/civil"
	"charye/internal/ratelimit"
	"charye/internal/weak"
	"charye/notify"
	"charye/person"
	"charye/programme"
)

// NewCaller is what a clerk fills in for somebody who called or came.
type NewCaller struct {
	Campaign string
	Name     string
	Born     civil.Date
	Identity string // identity number or the code of a temporary identity; not kept
	Phone    string // where to call back; may be empty
	Consent  string // [person.ConsentPhone] or [person.ConsentHere]: how the person told the clerk that they agree
}

// Caller is somebody whom a desk serves, as they stand.
type Caller struct {
	person.Recipient
	Campaign Campaign
	Place    *Place   // nil: none yet
	Booking  *Booking // the live one; nil: none
	Why      error    // why they may not take a place; nil when they may
}

// deskKey is the key of the actor's desk.
func (w *Walk) deskKey(a Actor) person.Key {
	if weak.Off(weak.DeskOf) {
		return w.keyer.Desk(person.NoRole, [16]byte{})
	}
	return w.keyer.Desk(a.Role, a.Unit)
}

// desking reports whether the campaign takes callers today.
func (w *Walk) desking(c *programme.Campaign) error {
	today := civil.Of(w.now(), w.programme.Zone)
	switch d := c.Desk; {
	case d.On(today):
		return nil
	case d.Allowed && d.From != 0 && today < d.From:
		return refuse(HelperNotAllowed, "%s takes callers from %s", c.ID, d.From)
	case d.Allowed:
		return refuse(HelperNotAllowed, "%s took callers until %s", c.ID, d.Until)
	}
	return refuse(HelperNotAllowed, "%s takes no callers", c.ID)
}

// caller resolves for whom a clerk acts: a caller of the clerk's own desk, who agreed for this campaign.
func (w *Walk) caller(ctx context.Context, a Actor, c *programme.Campaign, id string) (subject, error) {
	if err := may(a, ServeCaller); err != nil {
		return subject{}, err
	}
	if id == "" {
		return subject{}, refuse(NotAllowed, "a session of staff is not for one's own; name the caller")
	}
	r, err := w.people.Recipient(ctx, w.deskKey(a), id)
	return w.served(ctx, a, c, r, err)
}

// callerByKey is caller where the person is known by a pass.
func (w *Walk) callerByKey(ctx context.Context, a Actor, c *programme.Campaign, who person.Key) (subject, error) {
	if err := may(a, ServeCaller); err != nil {
		return subject{}, err
	}
	r, err := w.people.RecipientOf(ctx, w.deskKey(a), c.ID, who)
	return w.served(ctx, a, c, r, err)
}

func (w *Walk) served(ctx context.Context, a Actor, c *programme.Campaign, r person.Recipient, err error) (subject, error) {
	switch {
	case errors.Is(err, person.ErrNoRecipient):
		return subject{}, refuse(NotFound, "recipient: not a caller of this desk")
	case err != nil:
		return subject{}, unavailable(err)
	case r.Campaign != c.ID:
		return subject{}, refuse(HelperNotAllowed, "recipient: consent was given for another campaign")
	}
	if err := w.desking(c); err != nil {
		return subject{}, err
	}
	if err := w.look(ctx, a, c.ID, "serve", r.Key); err != nil {
		return subject{}, err
	}
	return subject{key: r.Key, born: r.Born, recipient: &r}, nil
}

// RegisterCaller finds somebody by identity number and date of birth and registers them with the actor's desk; who is registered there
// already, by whatever clerk, is given as they are, with the telephone number they left now.
func (w *Walk) RegisterCaller(ctx context.Context, a Actor, n NewCaller) (person.Recipient, error) {
	none := person.Recipient{}
	if err := may(a, FindCaller); err != nil {
		return none, err
	}
	c, err := w.campaign(n.Campaign)
	if err != nil {
		return none, err
	}
	if err := w.desking(c); err != nil {
		return none, err
	}
	if n, err = n.clean(a.Role); err != nil {
		return none, err
	}
	known, err := w.identify(ctx, a, n.Identity, n.Born)
	if err != nil {
		return none, err
	}
	now, desk := w.now(), w.deskKey(a)
	kind := person.OfCallDesk
	if a.Role == person.Office {
		kind = person.OfOffice
	}
	id := rand.Text()
	got, err := w.people.AddRecipient(ctx, person.Recipient{
		ID: id, Helper: desk, Key: known.Key, Campaign: c.ID, Name: n.Name, Born: n.Born, RegisteredAt: now,
		Kind: kind, Clerk: a.Key, Consent: n.Consent, Phone: n.Phone, Temporary: known.Temporary,
	}, c.Desk.PerClerk)
	switch {
	case errors.Is(err, person.ErrHelperLimit):
		return none, refuse(HelperNotAllowed, "you registered %d callers in this campaign, which is the most it allows one clerk", c.Desk.PerClerk).field("limit")
	case err != nil:
		return none, unavailable(err)
	case got.ID == id:
		return got, nil
	}
	return w.again(ctx, a, c, got, n.Phone, now)
}

// again is when somebody who is registered calls once more.
func (w *Walk) again(ctx context.Context, a Actor, c *programme.Campaign, r person.Recipient, phone string, now time.Time) (person.Recipient, error) {
	if err := w.look(ctx, a, c.ID, "registered again", r.Key); err != nil {
		return r, err
	}
	if phone != "" && phone != r.Phone {
		if err := w.people.SetRecipientPhone(ctx, r.Helper, r.ID, phone, a.Key, now); err != nil {
			return r, unavailable(err)
		}
		r.Phone = phone
	}
	if r.Settled {
		if _, live, err := w.liveBooking(ctx, c, r.Key); err != nil || live {
			return r, err
		}
		if err := w.people.SettleRecipient(ctx, r.Helper, r.ID, false); err != nil {
			return r, unavailable(err)
		}
		r.Settled = false
	}
	return r, nil
}

func (n NewCaller) clean(as person.Role) (NewCaller, error) {
	n.Name, n.Phone = strings.TrimSpace(n.Name), strings.TrimSpace(n.Phone)
	if !goodName(n.Name) {
		return n, refuse(BadRequest, "name: want 1 to %d characters", maxName).field("name")
	}
	if n.Identity == "" || len(n.Identity) > maxIdentity {
		return n, refuse(BadRequest, "identity: want the identity number").field("identity")
	}
	if n.Consent != person.ConsentPhone && (n.Consent != person.ConsentHere || as != person.Office) {
		return n, refuse(BadRequest, "consent: the person must have told you that they agree; say how").field("consent")
	}
	if n.Phone == "" {
		return n, nil
	}
	c, err := notify.Contact{Lang: "ko", Addresses: []notify.Address{{Channel: notify.Text, Value: n.Phone}}}.Clean(false)
	if err != nil {
		return n, refuse(BadRequest, "phone: want a telephone number of 8 to 15 digits, or none").field("phone")
	}
	n.Phone = c.Addresses[0].Value
	return n, nil
}

func goodName(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

// identify finds a person by identity number and date of birth, within what one actor may guess.
func (w *Walk) identify(ctx context.Context, a Actor, identity string, born civil.Date) (person.Identity, error) {
	if code, looks := person.ParseTemporary(identity); code != "" {
		identity = code
	} else if looks {
		return person.Identity{}, refuse(BadRequest, "identity: the code has a typing error; compare it symbol by symbol").field("code")
	}
	if wait := w.guesses.Allow(ratelimit.Key{ID: a.Key}, identityGuesses, w.now()); wait > 0 && !weak.Off(weak.Guesses) {
		e := refuse(RateLimited, "too many identity numbers in a short time; check them, and try again after the time given")
		e.RetryAfter = wait
		return person.Identity{}, e
	}
	known, err := w.people.FindIdentity(ctx, person.Values(w.keyer.IdentityIndexes(identity))...)
	if err != nil && !errors.Is(err, person.ErrIdentityUnknown) {
		return known, unavailable(err)
	}
	// One answer for an unknown number and a wrong date: a wrong guess must not tell which half was right.
	if err != nil || known.Born != born {
		return person.Identity{}, refuse(HelperNotAllowed, "date of birth and identity number do not belong together in the roster; check both")
	}
	return known, nil
}

// Caller gives one of the desk's callers as they stand.
func (w *Walk) Caller(ctx context.Context, a Actor, id string) (Caller, error) {
	if err := may(a, ServeCaller); err != nil {
		return Caller{}, err
	}
	r, err := w.people.Recipient(ctx, w.deskKey(a), id)
	if errors.Is(err, person.ErrNoRecipient) {
		return Caller{}, refuse(NotFound, "not a caller of this desk")
	} else if err != nil {
		return Caller{}, unavailable(err)
	}
	c, err := w.campaign(r.Campaign)
	if err != nil {
		return Caller{}, err
	}
	if err := w.look(ctx, a, c.ID, "caller", r.Key); err != nil {
		return Caller{}, err
	}
	out := Caller{Recipient: r}
	if out.Campaign, err = w.standing(ctx, c, w.now()); err != nil {
		return Caller{}, err
	}
	s := subject{key: r.Key, born: r.Born, recipient: &r}
	if out.Why = w.eligible(c, s); out.Why == nil {
		out.Why = w.desking(c)
	}
	b, live, err := w.liveBooking(ctx, c, r.Key)
	if err != nil {
		return Caller{}, err
	}
	if live {
		v := w.view(b, s)
		out.Booking = &v
	}
	p, err := w.line.Place(ctx, c.Num, r.Key)
	if err != nil {
		if known, ok := errors.AsType[*Error](w.lineError(c, err)); ok && known.Code == NotFound {
			return out, nil
		}
		return Caller{}, w.lineError(c, err)
	}
	shown, err := w.withInvitation(ctx, c, w.place(p))
	out.Place = &shown
	return out, err
}

// settle notes that a desk need not ring somebody. If it cannot, the next list finds out again.
func (w *Walk) settle(ctx context.Context, r *person.Recipient) {
	if r != nil && r.Kind.IsDesk() {
		_ = w.people.SettleRecipient(ctx, r.Helper, r.ID, true)
	}
}

// RemoveCaller withdraws a caller's consent. Place and booking stay theirs.
func (w *Walk) RemoveCaller(ctx context.Context, a Actor, id string) error {
	if err := may(a, ServeCaller); err != nil {
		return err
	}
	r, err := w.people.Recipient(ctx, w.deskKey(a), id)
	if errors.Is(err, person.ErrNoRecipient) {
		return nil
	}
	if err == nil {
		if err := w.look(ctx, a, r.Campaign, "consent withdrawn", r.Key); err != nil {
			return err
		}
		err = w.people.RemoveRecipient(ctx, r.Helper, id, w.now())
	}
	if err != nil && !errors.Is(err, person.ErrNoRecipient) {
		return unavailable(err)
	}
	return nil
}
