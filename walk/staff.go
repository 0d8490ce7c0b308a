package walk

import (
	"slices"

	"charye/internal/weak"
	"charye/person"
)

// Act is one thing that staff do.
type Act string

// The acts.
const (
	FindCaller     Act = "find-caller"     // look somebody up by identity number and date of birth, and register them with the desk
	ListCallers    Act = "list-callers"    // whom of the desk to call back
	ServeCaller    Act = "serve-caller"    // take a place, go in, book, change and cancel for a caller of the desk
	IssueTemporary Act = "issue-temporary" // give an identity to somebody who has none
	ListVisitors   Act = "list-visitors"   // see who is expected at one's own site today, look somebody up, print the list
	TellOfVisit    Act = "tell-of-visit"   // say who has come, was given the dose, was turned away, did not come; take it back
	OfferLeftover  Act = "offer-leftover"  // offer what is left in open vials to the people on the site's list
	SeeRequests    Act = "see-requests"    // what others are asked to agree to, and what became of it
	AskRequest     Act = "ask-request"     // ask for what another must want too, withdraw it, carry it out once it is agreed
	DecideRequest  Act = "decide-request"  // agree to what somebody else asks for, or decline it
	SeeSupply      Act = "see-supply"      // boxes, temperatures, alarms, what a reading touches; nobody is named
	AskVerdict     Act = "ask-verdict"     // preview a verdict on boxes and ask for it
	AgreeVerdict   Act = "agree-verdict"   // agree to what somebody else asked for, or decline it

	SettleDelivery Act = "settle-delivery" // settle what a departure takes, and take it back

	AskRules        Act = "ask-rules"        // hold a changed programme file against the one that is served, and ask for it
	EndSessions     Act = "end-sessions"     // end sessions of staff before their time
	SeeFigures      Act = "see-figures"      // how the campaigns stand, in numbers
	SeeWaiting      Act = "see-waiting"      // rules that the programme file has and that wait for two people
	SeeChains       Act = "see-chains"       // the chains over what happened, to be kept elsewhere
	SeeLooks        Act = "see-looks"        // who of the staff looked at whom, by pseudonym
	SeeInstallation Act = "see-installation" // whether the parts of the installation answer
)

// Acts lists every act.
var Acts = []Act{
	FindCaller, ListCallers, ServeCaller, IssueTemporary, ListVisitors, TellOfVisit, OfferLeftover, SeeRequests, AskRequest, DecideRequest, SeeSupply, AskVerdict, AgreeVerdict, SettleDelivery,
	AskRules, EndSessions, SeeFigures, SeeWaiting, SeeChains, SeeLooks, SeeInstallation,
}

// mayDo is the one table of who may do what; what is not in it nobody may. docs/staff.md has the same, and a test compares.
var mayDo = map[Act][]person.Role{
	FindCaller:     {person.CallDesk, person.Office},
	ListCallers:    {person.CallDesk, person.Office},
	ServeCaller:    {person.CallDesk, person.Office},
	IssueTemporary: {person.Office},
	ListVisitors:   {person.Clinic},
	TellOfVisit:    {person.Clinic},
	OfferLeftover:  {person.Clinic},
	SeeRequests:    {person.Manager, person.Auditor},
	AskRequest:     {person.Manager, person.Logistics},
	DecideRequest:  {person.Manager},
	SeeSupply:      {person.Manager, person.Logistics, person.Auditor},
	AskVerdict:     {person.Manager, person.Logistics},
	AgreeVerdict:   {person.Manager, person.Logistics},
	SettleDelivery: {person.Manager, person.Logistics},

	AskRules:        {person.Manager},
	EndSessions:     {person.Manager, person.Operator},
	SeeFigures:      {person.Manager},
	SeeWaiting:      {person.Manager, person.Operator},
	SeeChains:       {person.Auditor},
	SeeLooks:        {person.Auditor},
	SeeInstallation: {person.Operator},
}

// May reports whether an actor may do an act: as the one role that they act in, which must be among those of their session.
func May(a Actor, act Act) bool {
	return a.Roles.Has(a.Role) && (slices.Contains(mayDo[act], a.Role) || weak.Off(weak.Role))
}

// StaffActor is the actor of a session of staff in one of its roles. The channel is the role's name.
func StaffActor(s person.Session, as person.Role, openName func() (string, error)) (Actor, error) {
	switch {
	case s.Key.IsZero():
		return Actor{}, Refuse(NotSignedIn, "sign in first")
	case !s.Roles.Has(as):
		return Actor{}, Refuse(NotAllowed, "this session does not have the role %s", as)
	}
	return Actor{Session: s, Role: as, Channel: as.String(), OpenName: openName}, nil
}

// Allow refuses unless the actor may do an act.
func Allow(a Actor, act Act) error {
	switch {
	case a.Key.IsZero():
		return Refuse(NotSignedIn, "sign in first")
	case !a.IsStaff():
		return Refuse(NotAllowed, "this is for staff; sign in as staff")
	case !May(a, act):
		return Refuse(NotAllowed, "the role %s is not for this (%s)", a.Role, act)
	}
	return nil
}

// Citizen refuses everybody who does not act for themselves or as a citizen who helps: a session of staff is good for nothing of one's
// own.
func Citizen(a Actor) error {
	switch {
	case a.Key.IsZero():
		return Refuse(NotSignedIn, "sign in first")
	case a.IsStaff() && !weak.Off(weak.Apart):
		return Refuse(NotAllowed, "a session of staff is not for one's own; sign in as a citizen")
	}
	return nil
}

// DeskRoles are the roles that serve callers, in the order in which a session that has several begins.
var DeskRoles = []person.Role{person.CallDesk, person.Office}
