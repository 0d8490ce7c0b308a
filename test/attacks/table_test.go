package attacks_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"charye/internal/weak"
	"charye/test/program"
)

// attack is one way around the line.
type attack struct {
	name string
	// without is the defence whose absence the attack must notice; "" where more than one stands behind the other, and why says which.
	without weak.Defence
	why     string
	run     func(a *assault)
}

var attacks = []attack{
	manyWindows, withoutSession, ownClock, aheadOfTurn, forged, anothersTicket, anothersPass, usedPass, otherDevice, twoNodesAtOnce, manyHolds,
	keyAbuse, anothersBooking, notEligible, anothersRecipient, handOver, otherMethods, foreignForm, openRedirect, foreignHost, keptAnswers,
	telling, tooLarge, slowCallers, politeMacro, leftoverMacros,
	citizenAtDesk, staffForThemselves, oneFactor, otherRole, otherDesk, forgedRoles,
	idTokens, otherSignIn, signInAnswers, providerDown, guessing,
	askerAgrees, twoSessions, anotherDigest, notManagers, doneTwice, endedSession,
	foreignFrame, manyNames, smuggled,
	citizenInSupply, clerkInSupply, ownVerdict, otherDigest, settledTwice,
	otherSite, heldBox, givenTwice,
}

// assault is an attack under way.
type assault struct {
	*world
	base int // the first of the people that are this attack's own

	mu      sync.Mutex
	tried   int
	through []string
	told    map[string]int
}

// me is the attack's own nth person.
func (a *assault) me(n int) *somebody { return a.person(a.base + n) }

// note counts a try: stopped, and how that was told; or what got through.
func (a *assault) note(stopped bool, told string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried++
	if stopped {
		a.told[told]++
	} else {
		a.through = append(a.through, told)
	}
}

// refused counts a try that must end with one of these statuses.
func (a *assault) refused(what string, r reply, statuses ...int) {
	told := fmt.Sprintf("%d %s", r.status, r.code())
	if slices.Contains(statuses, r.status) {
		a.note(true, told)
		return
	}
	a.note(false, fmt.Sprintf("%s: %s %.120s", what, told, r.body))
}

// TestAttacks tries everything on both pairs of engines and prints the table.
func TestAttacks(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	for _, engines := range []string{"embedded", "cluster"} {
		t.Run(engines, func(t *testing.T) {
			t.Parallel()
			w := pairs(t, program.Binary(t), nil)[engines]()
			var out strings.Builder
			table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintf(table, "\n%s\ttried\tstopped\tgot through\thow it is told\n", engines)
			for i, x := range attacks {
				a := &assault{world: w, base: 15 * i, told: map[string]int{}}
				x.run(a)
				var told []string
				for _, k := range slices.Sorted(maps.Keys(a.told)) {
					told = append(told, fmt.Sprintf("%s ×%d", k, a.told[k]))
				}
				_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", x.name, a.tried, a.tried-len(a.through), len(a.through), strings.Join(told, ", "))
				if a.tried == 0 {
					t.Errorf("%s: nothing was tried", x.name)
				}
				for _, how := range a.through {
					t.Errorf("%s got through: %s", x.name, how)
				}
			}
			_ = table.Flush()
			_, _ = fmt.Fprint(os.Stdout, out.String())
		})
	}
}

// TestWeakened tries each attack against a build without its defence: it must get through, or its test could never fail.
func TestWeakened(t *testing.T) {
	program.NeedE2E(t)
	t.Parallel()
	path := program.Variant(t, "test", "charye_weak")
	tested := map[weak.Defence]bool{}
	for i, x := range attacks {
		if x.without == "" {
			if x.why == "" {
				t.Errorf("%s: say which defence it tests, or why there is none to switch off", x.name)
			}
			continue
		}
		tested[x.without] = true
		// Several attacks may test one defence; the name becomes part of a path.
		t.Run(fmt.Sprintf("%s-%d", x.without, i), func(t *testing.T) {
			t.Parallel()
			w := pairs(t, path, []string{"CHARYE_WEAK=" + string(x.without)})["embedded"]()
			a := &assault{world: w, base: 15 * i, told: map[string]int{}}
			x.run(a)
			if len(a.through) == 0 {
				t.Errorf("%s is stopped without the defence %q too: its test cannot fail", x.name, x.without)
			}
		})
	}
	for _, d := range weak.All {
		if !tested[d] {
			t.Errorf("no attack tests the defence %q", d)
		}
	}
}
