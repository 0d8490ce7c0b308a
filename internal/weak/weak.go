// Package weak names the single defences that a build for attacks can switch off, so that a test of an attack can show that it
// notices: an attack that is stopped by a build without its defence tests nothing.
//
// It owns the names and the switch. In every build but those with the tag charye_weak the switch is a constant that the compiler
// removes together with what hangs on it.
package weak

// Defence is one check that stands between somebody and what is not theirs.
type Defence string

// The defences.
const (
	Session   Defence = "session"    // a call needs a session
	Signature Defence = "signature"  // sessions, tickets and passes are signed
	Opening   Defence = "opening"    // nobody enters before the opening
	Turn      Defence = "turn"       // nobody enters before their number is called
	TicketOf  Defence = "ticket-of"  // a ticket is one person's
	PassOf    Defence = "pass-of"    // a pass is one person's
	LivePass  Defence = "live-pass"  // a pass ends with the booking, and when it is moved
	Device    Defence = "device"     // a pass is one device's
	Eligible  Defence = "eligible"   // the campaign is for some
	BookingOf Defence = "booking-of" // a booking is one person's
	Invited   Defence = "invited"    // what comes free after sold out is for those who are called
	Origin    Defence = "origin"     // a form counts only from our own pages
	LocalPath Defence = "local-path" // nobody is sent to another site
	NoStore   Defence = "no-store"   // private answers are kept nowhere
	Factor    Defence = "factor"     // staff sign in with a second factor
	Role      Defence = "role"       // staff do what their role is for
	DeskOf    Defence = "desk-of"    // a desk knows its own callers only
	Apart     Defence = "apart"      // a session is of staff or of a citizen
	Frames    Defence = "frames"     // our pages are in nobody's frame
	// LastInChunks is that a request whose end two readers may see at two places is its connection's last.
	LastInChunks Defence = "last-in-chunks"
	IDToken      Defence = "id-token"   // what a provider says is signed by it, of it, for us and not over
	Nonce        Defence = "nonce"      // and said for this sign-in
	Guesses      Defence = "guesses"    // identity numbers cannot be tried one after the other
	OtherEyes    Defence = "other-eyes" // who asked does not agree
	Distinct     Defence = "distinct"   // nobody agrees twice
	Ended        Defence = "ended"      // a session that was ended counts no more
	Unchanged    Defence = "unchanged"  // what is done is what was agreed
	SiteOf       Defence = "site-of"    // staff of a clinic see and change what is at their own site
	HeldBox      Defence = "held-box"   // nothing is given from a box or lot that is held
	GivenOnce    Defence = "given-once" // a dose is given once
)

// Quiet is that no person is in a log; test/faults shows that it would be seen.
const Quiet Defence = "quiet"

// Faults are mistakes in the rules of a programme that the test of random programmes must find: each is made where its name says, in this build alone.
const (
	FaultFirst    Defence = "fault-first"    // whoever lost a dose comes after all others
	FaultForward  Defence = "fault-forward"  // what of a delivery was booked before it came is given out again
	FaultLast     Defence = "fault-last"     // those who booked first lose their dose
	FaultSeries   Defence = "fault-series"   // a dose stays although the one before it moves away
	FaultGuardian Defence = "fault-guardian" // anybody acts for a child
)

// Faults lists every fault.
var Faults = []Defence{FaultFirst, FaultForward, FaultLast, FaultSeries, FaultGuardian}

// Mistakes in moving doses that the tests of package reschedule must find.
const (
	FaultReach     Defence = "fault-reach"     // a dose is sent as far as there are sites
	FaultElsewhere Defence = "fault-elsewhere" // a dose is sent to another site that could have stayed
)

// MoveFaults lists every one of them.
var MoveFaults = []Defence{FaultReach, FaultElsewhere}

// FaultResize is a mistake in taking doses away that the tests of package reduce must find: between two steps others can book a dose that went.
// Random programmes cannot find it, since nobody comes between two steps there.
const FaultResize Defence = "fault-resize"

// LossFaults lists the mistakes of its kind.
var LossFaults = []Defence{FaultResize}

// Slips are mistakes that the simulation of the line must find: each is made where its name says, in this build alone.
const (
	SlipToldEarly    Defence = "slip-told-early"    // a place is told although its commit failed
	SlipJoinDoubt    Defence = "slip-join-doubt"    // after a failed commit of joins nobody looks what reached the file
	SlipPassDoubt    Defence = "slip-pass-doubt"    // the same of passes
	SlipAdmitEarly   Defence = "slip-admit-early"   // a turn is told although its commit failed
	SlipOneTooMany   Defence = "slip-one-too-many"  // the number behind the last admitted may enter
	SlipTwoWindows   Defence = "slip-two-windows"   // two windows in one batch get a place each
	SlipLastDevice   Defence = "slip-last-device"   // of two devices in one batch the last wins
	SlipRoomInBatch  Defence = "slip-room-in-batch" // those let in by the same batch are not counted
	SlipLeftReturns  Defence = "slip-left-returns"  // a start forgets who left
	SlipFlood        Defence = "slip-flood"         // a clock put forward lets in as many as the time would have
	SlipUnknownStock Defence = "slip-unknown-stock" // stock that nobody told counts as enough
	SlipNoLot        Defence = "slip-no-lot"        // the draw is the order of joining
)

// Slips lists every slip.
var Slips = []Defence{
	SlipToldEarly, SlipJoinDoubt, SlipPassDoubt, SlipAdmitEarly, SlipOneTooMany, SlipTwoWindows, SlipLastDevice, SlipRoomInBatch, SlipLeftReturns,
	SlipFlood, SlipUnknownStock, SlipNoLot,
}

// All lists every defence.
var All = []Defence{
	Session, Signature, Opening, Turn, TicketOf, PassOf, LivePass, Device, Eligible, BookingOf, Invited, Origin, LocalPath, NoStore,
	Factor, Role, DeskOf, Apart,
	Frames, LastInChunks, IDToken, Nonce, Guesses,
	OtherEyes, Distinct, Unchanged, Ended,
	SiteOf, HeldBox, GivenOnce,
}
