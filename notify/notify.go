// Package notify tells people what became of their booking (알림): by mail, by text message, by push, once for each thing
// that happened, after it was committed and never before.
//
// It owns which event makes which message, for whom, when and in which words; the contract of the [Outbox] that keeps
// messages (engines: notify/sqlite, notify/postgres; conformance: notify/notifytest); and the [Courier] that takes them out
// through a [Gateway]. It must not know of HTTP, SMTP, SQL, lines or pages: it is given a ledger to follow, facts to tell
// and the instant.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"charye/internal/civil"
	"charye/person"
)

// Kind is what a message tells.
type Kind string

// The kinds of message.
const (
	Booked    Kind = "booked"
	Changed   Kind = "changed"
	Cancelled Kind = "cancelled"
	Displaced Kind = "displaced" // their dose is lost, and they stand first in line for what comes free
	Reminder  Kind = "reminder"  // before the day of a dose
	Invited   Kind = "invited"   // a dose came free and is kept for them; of no booking
	Near      Kind = "near"      // their turn in the line is near, or has come; of no booking
	Leftover  Kind = "leftover"  // a dose that a site has left over today is offered to them; of no booking, and Event is the offer's number
	Missed    Kind = "missed"    // they did not come for dose Dose, and what follows
	Turned    Kind = "turned"    // the site could not give dose Dose; it is to be moved
	Spoilt    Kind = "spoilt"    // dose Dose was given and does not count; when it may be given again
	Alarm     Kind = "alarm"     // boxes of vaccine are in doubt: to those who look after them; of no booking, and Event is the alarm's number
)

// Kinds lists every kind.
var Kinds = []Kind{Booked, Changed, Cancelled, Displaced, Reminder, Invited, Near, Leftover, Missed, Turned, Spoilt, Alarm}

// ID names a message: made from what it tells and to whom, so that planning the same thing twice makes one message.
type ID [16]byte

// Message is one thing to tell one person. What it says is put into words when it goes out, from the booking as it then
// stands: a message that is no longer true does not go out.
type Message struct {
	ID      ID
	To      person.Key
	Kind    Kind
	Booking int64 // 0 with Invited and Near
	Event   int64 // Seq of the booking event that caused it; 0 with Near
	// Helper is true when To is not who gets the vaccine but who booked, or may book, for them.
	Helper bool
	// About is whom a message of no booking to a helper is about; zero: To.
	About    person.Key
	Campaign uint32 // with Near
	// Dose is which appointment a reminder, or a message of a visit, is about; Day with reminders.
	Dose    int
	Day     civil.Date
	Due     time.Time // not before
	Expires time.Time // worthless from here on
}

// Subject is whose vaccination a message of no booking is about.
func (m *Message) Subject() person.Key {
	if m.About.IsZero() {
		return m.To
	}
	return m.About
}

// NewID gives the id of a message.
func NewID(m Message) ID {
	h := sha256.New()
	if m.Kind == Near { // once for a person and campaign, whatever becomes of the line
		who := m.Subject()
		h.Write(m.To[:])
		h.Write(who[:])
		h.Write(binary.BigEndian.AppendUint32(nil, m.Campaign))
		h.Write([]byte(m.Kind))
		return ID(h.Sum(nil)[:16])
	}
	var b [16 + 8 + 8 + 8]byte
	copy(b[:16], m.To[:])
	binary.BigEndian.PutUint64(b[16:], uint64(m.Booking))
	if m.Kind == Reminder { // planned anew by each change; the same appointment is the same reminder
		binary.BigEndian.PutUint64(b[24:], uint64(m.Dose))
		binary.BigEndian.PutUint64(b[32:], uint64(int64(m.Day)))
	} else {
		binary.BigEndian.PutUint64(b[24:], uint64(m.Event))
	}
	h.Write(b[:])
	h.Write([]byte(m.Kind))
	return ID(h.Sum(nil)[:16])
}

// Channel is a way to reach people.
type Channel string

// The channels.
const (
	Mail Channel = "mail" // an e-mail address
	Text Channel = "text" // a telephone number: SMS or a messenger behind a gateway
	Push Channel = "push" // a browser, by its [Subscription]
)

// Channels lists every channel.
var Channels = []Channel{Mail, Text, Push}

// Address is where a person can be reached.
type Address struct {
	Channel Channel `json:"channel"`
	Value   string  `json:"value"`
}

// Contact is how a person wants to be told: addresses in the order to try, and the language ("ko" or "en"). It is kept
// sealed and for messages only.
type Contact struct {
	Lang      string    `json:"lang"`
	Addresses []Address `json:"addresses"`
}

// What an [Outbox] refuses.
var (
	// ErrNoContact: the person has left no address.
	ErrNoContact = errors.New("this person has left no address")
	// ErrOvertaken: somebody else has followed the feed further meanwhile; nothing was kept.
	ErrOvertaken = errors.New("the feed was followed by another node meanwhile")
)

// State is where a message stands.
type State string

// The states of a message. Queued and Sending are the ones with a future.
const (
	Queued      State = "queued"
	Sending     State = "sending"     // with a courier, until its lease ends
	Sent        State = "sent"        // taken over by a gateway
	Obsolete    State = "obsolete"    // no longer true when it was due
	Unreachable State = "unreachable" // no address, or all refused for good
	Expired     State = "expired"     // no gateway took it in its time
)

// Ending is what became of a claimed message.
type Ending struct {
	ID    ID
	State State // a final one; [Queued]: it is to be tried again, not before At
	Why   string
	At    time.Time
}

// Outbox keeps messages and the addresses they go to.
//
// Guarantees every engine gives (notify/notifytest proves them): what returned is durable; a message is kept once however
// often it is enqueued or told; the place in the feed moves in the transaction that keeps the messages of the events before it;
// a claimed message is nobody else's until its lease ends; a finished one never comes back. All methods are safe for
// concurrent use, by several nodes where the engine allows several.
type Outbox interface {
	// Begin sets the place in the feed where there is none yet, and gives the one that stands.
	Begin(ctx context.Context, seq int64) (int64, error)
	// Enqueue keeps messages and moves the place in the feed from one event to a later one, or leaves it where it is when from
	// and to are the same; [ErrOvertaken] when it does not stand at from.
	Enqueue(ctx context.Context, from, to int64, list []Message, at time.Time) error
	// Claim takes up to limit messages that are due and hands them to the caller until the lease ends, first those due first;
	// those of the kind [Near] after all others, since there may be a million of them and somebody waits for each of the others.
	Claim(ctx context.Context, now, lease time.Time, limit int) ([]Claimed, error)
	// Finish settles claimed messages, all of them in one durable step; no message is in the list twice. One that was settled already, or not
	// claimed, stays as it is.
	Finish(ctx context.Context, list []Ending) error

	// Near is the number up to which the line of a campaign was looked through for those whose turn is near; 0 at first.
	Near(ctx context.Context, campaign uint32) (upTo uint32, err error)
	// TellNear moves that from one number to a later one, and keeps those of the messages whose person has left an address;
	// [ErrOvertaken] when it does not stand at from. In one step: who leaves an address later than that is for TellLate.
	TellNear(ctx context.Context, campaign, from, to uint32, list []Message, at time.Time) (kept int, err error)
	// TellLate keeps a message to somebody who has left an address only now, if the line was looked through up to their number
	// before. Called after SetContact, of the two either this or TellNear keeps it, whichever way they cross.
	TellLate(ctx context.Context, number uint32, m Message, at time.Time) error

	// SetContact keeps how a person wants to be told. One without addresses removes it. Either writes an event.
	SetContact(ctx context.Context, who person.Key, c Contact, at time.Time) error
	// EditContact changes it in one step: edit is given what stands, the zero contact when there is none, and gives what is to
	// stand. It is called again when somebody else was quicker; its error is returned, and nothing is changed then.
	EditContact(ctx context.Context, who person.Key, at time.Time, edit func(Contact) (Contact, error)) (Contact, error)
	// Contact gives it, or [ErrNoContact].
	Contact(ctx context.Context, who person.Key) (Contact, error)

	// Messages lists the messages to a person, those due last first, at most limit.
	Messages(ctx context.Context, to person.Key, limit int) ([]Kept, error)
	// Count gives how many messages are in each state.
	Count(ctx context.Context) (map[State]int, error)

	Keeper

	Close() error
}

// Claimed is a message in a courier's hands; Tries is how often it was put back before.
type Claimed struct {
	Message
	Tries int
}

// Kept is a message with where it stands.
type Kept struct {
	Message
	State State
	Why   string
	At    time.Time // when it came into this state
}
