package drill

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is what a drill found. Times are in seconds.
type Report struct {
	Scenario string  `json:"scenario"`
	Scale    float64 `json:"scale"`
	Seed     uint64  `json:"seed"`

	Doses      int `json:"doses"`
	Boxes      int `json:"boxes"`
	Lots       int `json:"lots"`
	Sites      int `json:"sites"`
	Legs       int `json:"legs"`
	Readings   int `json:"readings"`
	Summaries  int `json:"summaries"`
	Departures int `json:"departures"` // from 2-8 °C, harmless ones too
	Unrecorded int `json:"unrecorded"` // vans without any record
	Bookings   int `json:"bookings"`
	Given      int `json:"given"`

	Held     Held     `json:"held"`
	People   People   `json:"people"`
	Moves    Moves    `json:"moves"`
	Released Released `json:"released"`

	Times     Times `json:"times"`
	PeakBytes int64 `json:"peakBytes"`

	Violations []string `json:"violations"`
}

// Held is what was held.
type Held struct {
	Boxes        int     `json:"boxes"`
	Doses        int     `json:"doses"`
	Share        float64 `json:"share"` // of all doses; 1 in 2020
	Freezing     int     `json:"freezing"`
	Heat         int     `json:"heat"`
	Unknown      int     `json:"unknown"`
	Lots         int     `json:"lots"`
	Sites        int     `json:"sites"`
	Appointments int     `json:"appointments"` // at those sites
}

// People is who was vaccinated from a box that was spoilt or unknown at that time.
type People struct {
	Listed int `json:"listed"`
	Truth  int `json:"truth"`
	Missed int `json:"missed"`
	Extra  int `json:"extra"`
}

// Moves is what became of appointments.
type Moves struct {
	SitesShort   int `json:"sitesShort"`
	Missing      int `json:"missing"` // doses
	Vials        int `json:"vials"`
	Planned      int `json:"planned"`
	Moved        int `json:"moved"`
	SameDay      int `json:"sameDay"`
	MetresMedian int `json:"metresMedian"`
	MetresMost   int `json:"metresMost"`
	Without      int `json:"without"` // no room within reach: told, and waiting for vials
	Untouched    int `json:"untouched"`
}

// Released is what the found records gave back.
type Released struct {
	Boxes     int `json:"boxes"`
	Doses     int `json:"doses"`
	Back      int `json:"back"`      // people who went back to their own appointment
	Elsewhere int `json:"elsewhere"` // who stay moved
}

// Times is how long each step took. Read to Move is Charye's answer; the others make the country and check.
type Times struct {
	World         float64 `json:"world"`
	Tell          float64 `json:"tell"`
	Book          float64 `json:"book"`
	Loggers       float64 `json:"loggers"`
	Read          float64 `json:"read"`
	Judge         float64 `json:"judge"`
	Hold          float64 `json:"hold"`
	Scope         float64 `json:"scope"`
	People        float64 `json:"people"`
	Reading       float64 `json:"reading"` // the slowest of all troubled runs
	Person        float64 `json:"person"`  // the slowest of all listed people
	Counts        float64 `json:"counts"`
	Plan          float64 `json:"plan"`
	Move          float64 `json:"move"`
	Check         float64 `json:"check"`
	Release       float64 `json:"release"`
	CheckReleased float64 `json:"checkReleased"`
}

// OK reports whether every promise was kept.
func (r *Report) OK() bool { return len(r.Violations) == 0 }

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if r.Violations == nil {
		r.Violations = []string{}
	}
	return out.Encode(r)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) (err error) {
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	t := &r.Times
	say("cold-chain drill %s, scale %g, seed %d", r.Scenario, r.Scale, r.Seed)
	say("%d doses in %d boxes of %d lots, %d sites, %d legs of custody, %d doses given, %d appointments", r.Doses, r.Boxes, r.Lots, r.Sites, r.Legs, r.Given, r.Bookings)
	say("%d departures from 2-8 °C and %d vans without a record, in %d readings and %d daily sums", r.Departures, r.Unrecorded, r.Readings, r.Summaries)
	say("")
	say("held           %9d doses in %d boxes, %.2f %% of all (2020: 100 %%)", r.Held.Doses, r.Held.Boxes, 100*r.Held.Share)
	say("               %9d below zero, %d too warm for too long, %d unknown", r.Held.Freezing, r.Held.Heat, r.Held.Unknown)
	say("touched        %9d lots, %d sites with %d appointments", r.Held.Lots, r.Held.Sites, r.Held.Appointments)
	say("people to call %9d, by the simulation's own books %d: %d missed, %d too many", r.People.Listed, r.People.Truth, r.People.Missed, r.People.Extra)
	say("short          %9d doses at %d sites, %d vials to send", r.Moves.Missing, r.Moves.SitesShort, r.Moves.Vials)
	say("moved          %9d of %d planned, %d on the same day; half of them up to %.1f km, the farthest %.1f km", r.Moves.Moved, r.Moves.Planned, r.Moves.SameDay, float64(r.Moves.MetresMedian)/1000, float64(r.Moves.MetresMost)/1000)
	say("waiting        %9d for vials: no room within reach", r.Moves.Without)
	say("untouched      %9d appointments stand, %.2f %%", r.Moves.Untouched, 100*float64(r.Moves.Untouched)/float64(max(1, r.Bookings)))
	say("released       %9d doses when the missing records were found: %d people go back, %d stay where they are", r.Released.Doses, r.Released.Back, r.Released.Elsewhere)
	say("")
	say("readings read in %.2f s, all boxes judged in %.2f s, held in %.2f s, scope in %.3f s, people in %.2f s: %.2f s from readings to names",
		t.Read, t.Judge, t.Hold, t.Scope, t.People, t.Read+t.Judge+t.Hold+t.Scope+t.People)
	say("one reading's scope in %.4f s at most, one person's way back in %.4f s at most", t.Reading, t.Person)
	say("plan in %.2f s (free seats read in %.2f s), moves in %.2f s, release and way back in %.2f s", t.Plan, t.Counts, t.Move, t.Release)
	say("(country %.1f s, custody %.1f s, bookings %.1f s, loggers %.1f s, checks %.1f s and %.1f s)", t.World, t.Tell, t.Book, t.Loggers, t.Check, t.CheckReleased)
	if r.PeakBytes > 0 {
		say("peak memory %.0f MB, with the simulation and its ledger", float64(r.PeakBytes)/1e6)
	}
	for _, v := range r.Violations {
		say("BROKEN         %s", v)
	}
	if r.OK() {
		say("every promise was kept")
	} else {
		say("%d promises were broken", len(r.Violations))
	}
	return err
}
