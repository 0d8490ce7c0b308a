package manage

import "charye/approval"

// The catalogue keys of what the pages of requests and of the installation name.
var (
	kindNames = map[approval.Kind]string{
		approval.Verdict: "manage.kind.verdict", approval.Command: "manage.kind.command", approval.Reschedule: "manage.kind.reschedule", approval.Programme: "manage.kind.programme",
		approval.Export: "manage.kind.export", approval.Sessions: "manage.kind.sessions",
	}
	requestStates = map[approval.State]string{
		approval.Asked: "manage.state.asked", approval.Agreed: "manage.state.agreed", approval.Begun: "manage.state.begun", approval.Done: "manage.state.done",
		approval.Declined: "manage.state.declined", approval.Withdrawn: "manage.state.withdrawn", approval.Lapsed: "manage.state.lapsed",
	}
	didNames = map[approval.Op]string{
		approval.OpAsk: "manage.did.ask", approval.OpAgree: "manage.did.agree", approval.OpDecline: "manage.did.decline",
		approval.OpWithdraw: "manage.did.withdraw", approval.OpBegin: "manage.did.begin", approval.OpDone: "manage.did.done",
	}
	// wrongNames are what stands against a step, by the field of its error.
	wrongNames = map[string]string{
		"step": "manage.wrong.step", "own": "manage.wrong.own", "twice": "manage.wrong.twice", "not-own": "manage.wrong.not-own",
		"changed": "manage.wrong.changed", "lapsed": "manage.wrong.lapsed", "state": "manage.wrong.state",
	}
	checkNames = map[string]string{
		"sites": "manage.node.sites", "people": "manage.node.people", "bookings": "manage.node.bookings", "line": "manage.node.line",
		"messages": "manage.node.messages", "requests": "manage.node.requests-store",
	}
)
