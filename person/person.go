// Package person answers who is asking: sign-in by OpenID Connect, sessions, person keys, recipients and helpers,
// rosters, the roles of staff, temporary identities.
//
// It owns [Key], the session token ([Sessions]), the conversation with identity providers ([Providers], the one part that
// calls out, through a client it is given), the form of providers files and rosters, and the contract [Store] of what is
// kept about people (engine: person/sqlite). It must not know of lines, campaigns' dates, bookings or HTTP routes; the provider of
// demo and tests lives in person/oidctest.
package person

import (
	"encoding/hex"
	"log/slog"
	"time"

	"charye/internal/civil"
)

// Key stands for one person in everything Charye keeps: 16 bytes of a keyed PRF over the identity provider's stable
// subject (CI in Korea). The raw subject is never stored. A Key is personal data: it is never logged nor shown.
type Key [16]byte

// String gives 32 hex digits, for storage and trials; logs get [Key.LogValue].
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// LogValue hides the key from logs.
func (k Key) LogValue() slog.Value { return slog.StringValue("[person]") }

// IsZero reports whether the key is unset. No person has the zero key.
func (k Key) IsZero() bool { return k == Key{} }

// Session is a signed-in person, as carried by a session token.
type Session struct {
	Key        Key
	Born       civil.Date
	Name       string    // as the provider gave it, may be empty; sealed inside the token: Verify leaves it empty, [Sessions.OpenName] reads it
	SignedInAt time.Time // when the provider last saw this person; whole seconds
	ExpiresAt  time.Time // whole seconds
	// Roles make it a session of staff, which is good for nothing that citizens do; Born is zero then. Unit stands for the office
	// or clinic they work at, zero when the provider names none.
	Roles Roles
	Unit  [16]byte
}

// IsStaff reports whether the session is one of staff.
func (s *Session) IsStaff() bool { return s.Roles != 0 }

// RecipientKind says as what a helper acts for somebody.
type RecipientKind string

// The kinds. The desks act for those who called or came.
const (
	Family     RecipientKind = "family" // or neighbours; what citizens register
	Guardian   RecipientKind = "guardian"
	OfCallDesk RecipientKind = "calldesk"
	OfOffice   RecipientKind = "office"
)

// How somebody told a desk that they agree.
const (
	ConsentPhone = "phone"
	ConsentHere  = "in person"
)

// IsDesk reports whether a desk of staff acts, not a citizen.
func (k RecipientKind) IsDesk() bool { return k == OfCallDesk || k == OfOffice }

// Recipient is somebody for whom a helper may act: consent was recorded when it was registered.
type Recipient struct {
	ID           string // opaque, unguessable, meaningless to anyone but its helper
	Helper       Key    // of a citizen, or of a desk ([Keyer.Desk])
	Key          Key    // the recipient's own person key, found through the roster
	Campaign     string
	Name         string // sealed at rest
	Born         civil.Date
	RegisteredAt time.Time
	Kind         RecipientKind // empty is taken as [Family]

	// Of desks only.
	Clerk   Key    // who registered it
	Consent string // how it was given: [ConsentPhone] or [ConsentHere]
	Phone   string // where to call back, sealed at rest; may be empty
	Settled bool   // nothing is left to do: booked when last looked at
	// Temporary: the person is known by a temporary identity.
	Temporary bool
}

// Identity is one row of a roster: a person whom the programme knows beforehand.
type Identity struct {
	Key       Key        // from the subject that the identity provider will give
	Index     [16]byte   // blind index of the identity number, zero when the row has none
	Layer     int        // of the blind index; what is found tells none
	Born      civil.Date // date of birth in the roster
	Temporary bool       // not of a roster: issued at a local office, see [TemporaryIdentity]
}
