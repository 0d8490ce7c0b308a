package line

import "context"

// Audit is what a reading of everything that an engine keeps of a campaign found.
type Audit struct {
	Joined   int // seqs given
	Found    int // of those, how many have a person
	Gaps     int // seqs that nobody may have, and that the store says so of
	Admitted int
	Live     int // passes kept, expired ones not yet swept away among them
	// Violations say what should not be, without naming anybody; empty when all is well.
	Violations []string
}

// Auditor is an engine that can prove what it keeps: no seq twice, none without a person but the named gaps, admission within the
// seqs given, drawn numbers as the seed draws them, no pass without a turn or a place. It is meant for a line at rest: what
// changes meanwhile can look like a violation.
type Auditor interface {
	Audit(ctx context.Context, campaign uint32) (Audit, error)
}
