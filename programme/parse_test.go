package programme

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"charye/internal/civil"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata")

var seoul = mustZone("Asia/Seoul")

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func at(s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return v
}

func on(s string) civil.Date {
	d, err := civil.Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustParse(t testing.TB, name string, opt Options) *Programme {
	t.Helper()
	p, err := Parse(name, readFile(t, name), opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var exactly = cmp.Options{
	cmpopts.IgnoreUnexported(Programme{}),
	cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
}

func TestParseDesignExample(t *testing.T) {
	t.Parallel()
	got := mustParse(t, "covid19.yaml", Options{FirstStart: at("2021-07-11T23:59:59+09:00")})
	want := &Programme{
		ID: "covid19-2021", Name: Text{"코로나19 예방접종 2021", "COVID-19 vaccination 2021"}, Zone: seoul, Trial: true,
		Products: []Product{{
			ID: "moderna", Name: Text{"모더나", "Moderna"}, CVX: "207", DosesPerVial: 10,
			Series: Series{Doses: 2, Intervals: []Interval{{From: on("2021-01-01"), Default: 28, Min: 21, Max: 42}}},
		}},
		Campaigns: []Campaign{{
			ID: "age-55-59", Num: number("age-55-59"), Name: Text{"55–59세", "Ages 55–59"}, Products: []string{"moderna"}, Offers: []Offer{{Product: "moderna"}},
			Born:    &BornRange{on("1962-01-01"), on("1966-12-31")},
			Gathers: at("2021-07-12T19:00:00+09:00"), Opens: at("2021-07-12T20:00:00+09:00"), Closes: at("2021-07-17T18:00:00+09:00"),
			Stock: 1850000, Line: LineRules{Order: OrderDraw, Inside: 30000, PerSecond: 2000, PassMinutes: 10},
			Helpers: HelperRules{Allowed: true, PerHelper: 5}, Change: ChangeRules{UntilDays: 1},
		}},
		Timetables: []Timetable{{Sites: "all", Start: on("2021-07-12"), Days: 14, From: 9 * 60, To: 17 * 60, Every: 30, Seats: 5}},
		Messages:   DefaultMessages,
	}
	if d := cmp.Diff(want, got, exactly); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"timetables[all/0].start": "2021-07-12"}, got.Resolved()); d != "" {
		t.Error(d)
	}
}

func TestParseDefaultsAndOptionalFields(t *testing.T) {
	t.Parallel()
	got := mustParse(t, "full.yaml", Options{})
	ny := mustZone("America/New_York")
	want := []Campaign{{
		ID: "everybody", Num: number("everybody"), Name: Text{"모두", "Everybody"}, Products: []string{"flu-a", "two-shot"}, Offers: []Offer{{Product: "flu-a"}, {Product: "two-shot"}},
		Gathers: at("2026-10-30T20:00:00-04:00"), Opens: at("2026-10-30T20:00:00-04:00"), Closes: at("2026-11-05T00:00:00Z"),
		Pauses: []Pause{
			{at("2026-11-01T00:00:00-04:00"), at("2026-11-01T03:00:00-05:00"), Text{"점검", "Maintenance"}},
			{at("2026-11-01T03:00:00-05:00"), at("2026-11-01T04:00:00-05:00"), Text{"", "More"}},
		},
		Stock: 10, HoldBack: HoldBack{2, at("2026-11-02T00:00:00Z")},
		Shares: []Share{
			{Channel: "calldesk", Doses: 3, Until: at("2026-11-01T00:00:00Z")}, {Channel: "office", Doses: 1}, {Region: "경기도", Doses: 4}, {Day: on("2026-11-12"), Doses: 6},
		},
		Line: LineRules{Order: OrderArrival, Inside: 1000, PerSecond: 0, PassMinutes: 10},
	}, {
		ID: "staff", Num: number("staff"), Name: Text{EN: "Staff"}, Products: []string{"flu-a"}, Offers: []Offer{{Product: "flu-a"}},
		Born: &BornRange{on("1940-02-29"), on("2008-12-31")}, Roster: "hospital-staff",
		Gathers: at("2026-10-30T20:00:00-04:00"), Opens: at("2026-10-30T21:00:00-04:00"), Closes: at("2026-11-05T00:00:00Z"),
		Stock: 1_000_000_000, Line: LineRules{Order: OrderDraw, Inside: 1000, PerSecond: 0.5, PassMinutes: 10},
		Helpers: HelperRules{PerHelper: 2}, Change: ChangeRules{UntilDays: 1},
	}}
	if d := cmp.Diff(want, got.Campaigns, exactly); d != "" {
		t.Error(d)
	}
	if got.Trial || len(got.Resolved()) != 0 {
		t.Errorf("trial %v, resolved %v: want neither", got.Trial, got.Resolved())
	}
	if z := got.Campaigns[0].Closes.Location().String(); z != ny.String() {
		t.Errorf("times are in %s, want the programme's zone", z)
	}
	wantIntervals := []Interval{{From: on("2026-01-01"), Default: 28, Min: 21, Max: 42}, {From: on("2026-11-01"), Default: 42, Min: 28, Max: 56}}
	if d := cmp.Diff(wantIntervals, got.Products[1].Series.Intervals); d != "" {
		t.Error(d)
	}
	if v := got.Products[1].Vials; v == nil || v.OpensWith != 4 || got.Products[1].Num == 0 || got.Products[0].Vials != nil {
		t.Errorf("vials %+v, number %d", v, got.Products[1].Num)
	}
	if tt := got.Timetables[2]; tt.From != 0 || tt.To != 1440 || tt.Every != 1440 {
		t.Errorf("whole-day session: %+v", tt)
	}
}

// TestParseRefuses changes one thing of a good file and expects exactly one problem.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := string(readFile(t, "covid19.yaml"))
	const draw = "{order: draw, inside: 30000, perSecond: 2000, passMinutes: 10}"
	const hours = `from: "09:00", to: "17:00", every: 30m, seats: 5`
	for _, c := range []struct{ old, new, want string }{
		{"programme: covid19-2021\n", "", "f:1: programme: missing; want 1 to 64 small letters, digits and hyphens, such as age-55-59"},
		{"covid19-2021", "Covid_19", `f:1: programme: "Covid_19" is no id; want 1 to 64 small letters, digits and hyphens, such as age-55-59`},
		{"covid19-2021", "2021", `f:1: programme: is the number 2021; write it in quotes: "2021"`},
		{"covid19-2021", "-x", `f:1: programme: "-x" is no id; want 1 to 64 small letters, digits and hyphens, such as age-55-59`},
		{"name: {ko: 모더나, en: Moderna}", "name: {}", "f:7: products[0].name: has no text; want ko, en or both"},
		{"name: {ko: 모더나, en: Moderna}", "name: Moderna", `f:7: products[0].name: is the text "Moderna"; want a group of fields: ko, en`},
		{"{ko: 모더나, en: Moderna}", "{ko: 모더나, en: }", "f:7: products[0].name.en: is empty; want a text"},
		{"{ko: 모더나, en: Moderna}", `{ko: 모더나, en: "a\nb"}`, "f:7: products[0].name.en: has control characters or line breaks in it; want a text on one line"},
		{"{ko: 모더나, en: Moderna}", "{ko: 모더나, de: Moderna}", "f:7: products[0].name.de: unknown field; known here: ko, en"},
		{"{ko: 모더나, en: Moderna}", "&a {ko: 모더나, en: Moderna}\n    name: *a", "f:8: products[0].name: given twice, first on line 7; keep one"},
		{"Asia/Seoul", "Asia/Seul", `f:3: timezone: "Asia/Seul" is unknown; want a zone name such as Asia/Seoul`},
		{"Asia/Seoul", "Local", `f:3: timezone: "Local" is unknown; want a zone name such as Asia/Seoul`},
		{"Asia/Seoul", "../../etc/passwd", `f:3: timezone: "../../etc/passwd" is unknown; want a zone name such as Asia/Seoul`},
		{"trial: true", "trial: yes", `f:4: trial: is the text "yes"; want true or false`},
		{"trial: true", "trial: false", `f:23: timetables[0].start: "+1d" is relative, which only a programme with trial: true may use; want an absolute one`},
		{"trial: true", "trail: true\ntrial: true", "f:4: trail: unknown field; known here: programme, name, timezone, trial, products, campaigns, timetables, messages, shipping, fourEyes, retention"},
		{`cvx: "207"`, "cvx: 207", `f:8: products[0].cvx: is the number 207; write it in quotes: "207"`},
		{`cvx: "207"`, `cvx: "2o7"`, `f:8: products[0].cvx: "2o7" is no CVX code; want 2 or 3 digits in quotes, such as "207"`},
		{"dosesPerVial: 10", "dosesPerVial: 1_0", "f:9: products[0].dosesPerVial: is the number 1_0; want a whole number from 1 to 100"},
		{"dosesPerVial: 10", "dosesPerVial: ten", `f:9: products[0].dosesPerVial: is the text "ten"; want a whole number from 1 to 100`},
		{"doses: 2, intervals: [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]", "doses: 2", "f:10: products[0].series.intervals: missing; a series of 2 doses needs [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]"},
		{"{doses: 2,", "{doses: 1,", "f:10: products[0].series.intervals: a single dose has no interval; leave intervals out, or set doses to 2 or more"},
		{"{doses: 2,", "{again: [], doses: 2,", "f:10: products[0].series.again: has 0 entries; want 1 to 100"},
		{"{doses: 2,", "{again: [{from: 2021-01-01}], doses: 2,", "f:10: products[0].series.again[0].after: missing; want days or weeks such as 28d or 4w"},
		{"{doses: 2,", "{again: [{from: 2021-01-01, after: 28}], doses: 2,", `f:10: products[0].series.again[0].after: "28" is no length; want days or weeks such as 28d or 4w`},
		{"{doses: 2,", "{again: [{from: 2021-01-01, after: 28d}, {from: 2021-01-01, after: 21d}], doses: 2,", "f:10: products[0].series.again[1].from: 2021-01-01 is not after the entry before it, 2021-01-01; want the entries in order of date"},
		{"{doses: 2,", "{doses: 0,", "f:10: products[0].series.doses: is the number 0; want a whole number from 1 to 10"},
		{"min: 21d", "min: 29d", "f:10: products[0].series.intervals[0]: min 29d, default 28d, max 42d; want min ≤ default ≤ max"},
		{"max: 42d", "max: 3w", "f:10: products[0].series.intervals[0]: min 21d, default 28d, max 21d; want min ≤ default ≤ max"},
		{"min: 21d", "min: 3 weeks", `f:10: products[0].series.intervals[0].min: "3 weeks" is no length; want days or weeks such as 28d or 4w`},
		{"min: 21d", "min: 21", `f:10: products[0].series.intervals[0].min: "21" is no length; want days or weeks such as 28d or 4w`},
		{"min: 21d", "min: -1d", `f:10: products[0].series.intervals[0].min: "-1d" is no length; want days or weeks such as 28d or 4w`},
		{"min: 21d", "min: 0d", `f:10: products[0].series.intervals[0].min: "0d" is out of range; want 1d to 3660d`},
		{"max: 42d", "max: 600w", `f:10: products[0].series.intervals[0].max: "600w" is out of range; want 1d to 3660d`},
		{"max: 42d}", "max: 42d}, {from: 2021-01-01, default: 1d, min: 1d, max: 1d}", "f:10: products[0].series.intervals[1].from: 2021-01-01 is not after the entry before it, 2021-01-01; want the entries in order of date"},
		{"from: 2021-01-01", "from: 2021-02-30", `f:10: products[0].series.intervals[0].from: "2021-02-30" is no date; want a date such as 2021-07-26`},
		{"from: 2021-01-01", "from: +1d", `f:10: products[0].series.intervals[0].from: "+1d" is no date; want a date such as 2021-07-26`},
		{"products: [moderna]", "products: [modena]", `f:14: campaigns[0].products[0]: "modena" is not among the products; want the id of one`},
		{"products: [moderna]", "products: [moderna, moderna]", `f:14: campaigns[0].products[1]: "moderna" is used twice; want an id of its own`},
		{"products: [moderna]", "products: [{id: moderna, from: 2021-07-20, until: 2021-07-19}]", "f:14: campaigns[0].products[0].until: 2021-07-19 is before from, 2021-07-20; want a later date"},
		{"products: [moderna]", "products: [{from: 2021-07-20}]", "f:14: campaigns[0].products[0].id: missing; want the id of a product"},
		{"products: [moderna]", "products: [moderna, {id: moderna}]", `f:14: campaigns[0].products[1].id: "moderna" is used twice; want an id of its own`},
		{"to: 1966-12-31}}", "to: 1966-12-31}, except: []}", "f:15: campaigns[0].eligible.except: has 0 entries; want 1 to 20"},
		{"to: 1966-12-31}}", "to: 1966-12-31}, except: [a, a]}", `f:15: campaigns[0].eligible.except[1]: "a" is used twice; want an id of its own`},
		{"    stock: 1850000", "    rota: {from: 2021-07-12, days: 2, opens: \"20:00\", closes: \"18:00\"}\n    stock: 1850000", "f:19: campaigns[0].rota: spreads people over days, and a draw wants them together before the opening; want line: {order: arrival}"},
		{"    stock: 1850000", "    stock: 1850000\n    deliveries: [{at: 2021-07-12T19:00:00+09:00, doses: 10}]", "f:20: campaigns[0].deliveries[0].at: 2021-07-12T19:00:00+09:00 is not between opens and closes; want a time within them (what is there at the opening is stock)"},
		{"    stock: 1850000", "    stock: 5\n    deliveries: [{at: 2021-07-13T09:00:00+09:00, doses: -6}]", "f:20: campaigns[0].deliveries[0].doses: leaves -1 doses; want no reduction below nothing"},
		{"    stock: 1850000", "    stock: 5\n    deliveries: [{at: 2021-07-13T09:00:00+09:00, doses: 0}]", "f:20: campaigns[0].deliveries[0].doses: is the number 0; want a whole number, not 0; less than 0 for a reduction"},
		{"    stock: 1850000", "    stock: 5\n    deliveries: [{at: 2021-07-14T09:00:00+09:00, doses: 1}, {at: 2021-07-13T09:00:00+09:00, doses: 1}]", "f:20: campaigns[0].deliveries[1].at: 2021-07-13T09:00:00+09:00 is before the delivery above it; want them in order"},
		{"    cvx: \"207\"", "    cvx: \"207\"\n    notWith: [moderna]", "f:9: products[0].notWith[0]: is the product itself; want most, for the doses that one person may have of it"},
		{"    cvx: \"207\"", "    cvx: \"207\"\n    notWith: [other]", "f:9: products[0].notWith[0]: \"other\" is not among the products; want the id of one"},
		{"    cvx: \"207\"", "    cvx: \"207\"\n    most: 1", "f:9: products[0].most: is below the 2 doses of its series; want at least those"},
		{"    stock: 1850000", "    stock: 5\n    holdBack: {doses: 5}", "f:20: campaigns[0].holdBack.doses: keeps back 5 of a stock of 5; want fewer"},
		{"    stock: 1850000", "    stock: 5\n    shares: [{channel: calldesk, doses: 4}, {channel: office, doses: 2}]", "f:20: campaigns[0].shares[1]: sets aside 6 doses in all, of a stock of 5; want no more than there are"},
		{"    stock: 1850000", "    stock: 5\n    shares: [{channel: fax, doses: 4}]", `f:20: campaigns[0].shares[0].channel: "fax" is unknown; want calldesk or office or clinic`},
		{"    stock: 1850000", "    stock: 5\n    shares: [{doses: 4}]", "f:20: campaigns[0].shares[0]: is for 0 things; want exactly one of channel, region and day"},
		{"    stock: 1850000", "    stock: 5\n    shares: [{day: 2021-07-26, region: 서울, doses: 4}]", "f:20: campaigns[0].shares[0]: is for 2 things; want exactly one of channel, region and day"},
		{"    stock: 1850000", "    stock: 5\n    shares: [{day: 2021-07-26, doses: 4}, {day: 2021-07-26, doses: 3}]", "f:20: campaigns[0].shares[1]: is there twice; want one share each"},
		{"    stock: 1850000", "    stock: 5\n    shares: [{day: 2021-07-26, doses: 4, until: 2021-07-16T00:00:00Z}]", "f:20: campaigns[0].shares[0].until: is of channels only; want none here"},
		{"    dosesPerVial: 10\n", "    dosesPerVial: 40\n    vials: {}\n", "f:10: products[0].vials: dosesPerVial is 40; want 31 at most where vials are counted"},
		{"    dosesPerVial: 10\n", "    dosesPerVial: 10\n    vials: {opensWith: 11}\n", "f:10: products[0].vials.opensWith: is the number 11; want a whole number from 1 to 10"},
		{"    cvx: \"207\"", "    cvx: \"207\"\n    apart: [{from: 2021-01-01, products: [moderna], days: 14}]", "f:9: products[0].apart[0].products[0]: is the product itself; want another"},
		{"    cvx: \"207\"", "    cvx: \"207\"\n    apart: [{from: 2021-01-01, products: [], days: 3}]", "f:9: products[0].apart[0].products: has 0 entries; want 1 to 100"},
		{"    stock: 1850000", "    stock: 5\n    leftovers: {minutes: 0, sites: 5, withinKm: 10}", "f:20: campaigns[0].leftovers.minutes: is the number 0; want a whole number from 1 to 240"},
		{"    stock: 1850000", "    stock: 5\n    leftovers: {minutes: 10, sites: 21, withinKm: 10}", "f:20: campaigns[0].leftovers.sites: is the number 21; want a whole number from 1 to 20"},
		{"    stock: 1850000", "    stock: 5\n    leftovers: {minutes: 10, sites: 5}", "f:20: campaigns[0].leftovers.withinKm: missing; want how many kilometres apart these may be, from 1 to 100"},
		{"    stock: 1850000", "    stock: 5\n    leftovers: {minutes: 10, sites: 5, withinKm: 10, from: 2021-07-26, until: 2021-07-25}", "f:20: campaigns[0].leftovers.until: 2021-07-25 is before from, 2021-07-26; want a later date"},
		{"    stock: 1850000", "    stock: 5\n    leftovers: {minutes: 10, sites: 5, withinKm: 10, km: 3}", "f:20: campaigns[0].leftovers.km: unknown field; known here: from, until, minutes, sites, withinKm"},
		{"    stock: 1850000", "    stock: 5\n    invitations: {hours: 0}", "f:20: campaigns[0].invitations.hours: is the number 0; want a whole number from 1 to 240"},
		{"    stock: 1850000", "    rota: {from: 2021-07-12, opens: \"20:00\", closes: \"18:00\"}\n    stock: 1850000", "f:19: campaigns[0].rota.days: missing; want a whole number from 1 to 100"},
		{"    dosesPerVial: 10\n", "    dosesPerVial: 10\n    ages: [{from: 2021-01-01, min: 30, max: 20}]\n", "f:10: products[0].ages[0].max: 20 is below min, 30; want the greater age here"},
		{"    dosesPerVial: 10\n", "    dosesPerVial: 10\n    ages: [{from: 2021-01-01, min: 30}, {from: 2021-01-01, min: 50}]\n", "f:10: products[0].ages[1].from: 2021-01-01 is not after the entry before it, 2021-01-01; want the entries in order of date"},
		{"max: 42d}", "max: 42d}, {from: 2021-01-01, campaigns: [nobody], default: 1d, min: 1d, max: 1d}", `f:10: products[0].series.intervals[1].campaigns[0]: "nobody" is not among the campaigns; want the id of one`},
		{"max: 42d}", "max: 42d}, {from: 2021-02-01, campaigns: [age-55-59], default: 1d, min: 1d, max: 1d}, {from: 2021-02-01, campaigns: [age-55-59], default: 1d, min: 1d, max: 1d}", "f:10: products[0].series.intervals[2].from: 2021-02-01 is not after the entry before it, 2021-02-01; want the entries in order of date"},
		{"perHelper: 5", "perHelper: 5, from: 2021-07-02, until: 2021-07-01", "f:21: campaigns[0].helpers.until: 2021-07-01 is before from, 2021-07-02; want a later date"},
		{"products: [moderna]", "products: []", "f:14: campaigns[0].products: has 0 entries; want 1 to 100"},
		{"products: [moderna]", "products: moderna", `f:14: campaigns[0].products: is the text "moderna"; want a list`},
		{"    eligible: {born: {from: 1962-01-01, to: 1966-12-31}}\n", "", "f:12: campaigns[0].eligible: missing; want {born: {from: …, to: …}}, {roster: ID}, both, or the word all"},
		{"{born: {from: 1962-01-01, to: 1966-12-31}}", "{}", "f:15: campaigns[0].eligible: is a group of fields, which does not say who; want {born: {from: …, to: …}}, {roster: ID}, both, or the word all"},
		{"to: 1966-12-31", "to: 1961-12-31", "f:15: campaigns[0].eligible.born.to: 1961-12-31 is before from, 1962-01-01; want the later date of birth here"},
		{", to: 1966-12-31", "", "f:15: campaigns[0].eligible.born.to: missing; want a date such as 2021-07-26"},
		{"to: 1966-12-31", "to: 9166-12-31", "f:15: campaigns[0].eligible.born.to: 9166-12-31 is out of range; want a date from 1850-01-01 to 2199-12-31"},
		{"gathers: 2021-07-12T19", "gathers: 2021-07-12T21", "f:16: campaigns[0].gathers: 2021-07-12T21:00:00+09:00 is after opens, 2021-07-12T20:00:00+09:00; want a time before it, or none"},
		{"gathers: 2021-07-12T19", "gathers: 2021-07-12T20", "f:20: campaigns[0].line.order: a draw needs people gathered before the opening; want gathers before opens, or order: arrival"},
		{"    gathers: 2021-07-12T19:00:00+09:00\n", "", "f:19: campaigns[0].line.order: a draw needs people gathered before the opening; want gathers before opens, or order: arrival"},
		{"opens: 2021-07-12T20:00:00+09:00", "opens: 2021-07-12 20:00", `f:17: campaigns[0].opens: "2021-07-12 20:00" is no time; want a time with its offset, such as 2021-07-12T20:00:00+09:00`},
		{"opens: 2021-07-12T20:00:00+09:00", "opens: 2021-07-12T20:00:00", `f:17: campaigns[0].opens: "2021-07-12T20:00:00" is no time; want a time with its offset, such as 2021-07-12T20:00:00+09:00`},
		{"opens: 2021-07-12T20:00:00+09:00", "opens: 2021-07-12T20:00:00.5+09:00", `f:17: campaigns[0].opens: "2021-07-12T20:00:00.5+09:00" is out of range; want whole seconds of the years 2000 to 2199`},
		{"opens: 2021-07-12T20:00:00+09:00", "opens: [1]", "f:17: campaigns[0].opens: is a list; want a time with its offset, such as 2021-07-12T20:00:00+09:00"},
		{"opens: 2021-07-12T20:00:00+09:00", "opens: +1d", `f:17: campaigns[0].opens: "+1d" is no relative time; want whole hours, minutes and seconds such as +30s or +1h30m, or a time with its offset, such as 2021-07-12T20:00:00+09:00`},
		{"closes: 2021-07-17T18", "closes: 2020-07-17T18", "f:18: campaigns[0].closes: 2020-07-17T18:00:00+09:00 is not after opens, 2021-07-12T20:00:00+09:00; want a later time"},
		{"closes: 2021-07-17T18", "closes: 2021-07-12T20", "f:18: campaigns[0].closes: 2021-07-12T20:00:00+09:00 is not after opens, 2021-07-12T20:00:00+09:00; want a later time"},
		{"stock: 1850000", "stock: 0", "f:19: campaigns[0].stock: is the number 0; want a whole number from 1 to 1000000000"},
		{"stock: 1850000", "stock: 1.5", "f:19: campaigns[0].stock: is the number 1.5; want a whole number from 1 to 1000000000"},
		{"stock: 1850000", "stock: -1", "f:19: campaigns[0].stock: is the number -1; want a whole number from 1 to 1000000000"},
		{"stock: 1850000", "stock:", "f:19: campaigns[0].stock: is empty; want a whole number from 1 to 1000000000"},
		{"order: draw", "order: lottery", `f:20: campaigns[0].line.order: "lottery" is unknown; want draw or arrival`},
		{draw, "fast", `f:20: campaigns[0].line: is the text "fast"; want a group of fields: order, inside, perSecond, passMinutes`},
		{"inside: 30000", "inside: 0", "f:20: campaigns[0].line.inside: is the number 0; want a whole number from 1 to 10000000"},
		{"perSecond: 2000", "perSecond: 0", "f:20: campaigns[0].line.perSecond: is the number 0; want a number from 0.01 to 1000000, or auto"},
		{"perSecond: 2000", "perSecond: .inf", "f:20: campaigns[0].line.perSecond: is the number .inf; want a number from 0.01 to 1000000, or auto"},
		{"perSecond: 2000", "perSecond: fast", `f:20: campaigns[0].line.perSecond: is the text "fast"; want a number from 0.01 to 1000000, or auto`},
		{"passMinutes: 10", "passMinutes: 0", "f:20: campaigns[0].line.passMinutes: is the number 0; want a whole number from 1 to 240"},
		{"perHelper: 5", "perHelper: 5, guardians: {}", "f:21: campaigns[0].helpers.guardians.under: missing; want an age in whole years, such as 19"},
		{"perHelper: 5", "perHelper: 5, guardians: {under: 31}", "f:21: campaigns[0].helpers.guardians.under: is the number 31; want a whole number from 1 to 30"},
		{"perHelper: 5", "perHelper: 5, guardians: {under: 19, wards: some}", "f:21: campaigns[0].helpers.guardians.wards: is the text \"some\"; want true or false"},
		{"perHelper: 5", "perHelper: 0", "f:21: campaigns[0].helpers.perHelper: is the number 0; want a whole number from 1 to 1000"},
		{", perHelper: 5", "", "f:21: campaigns[0].helpers.perHelper: missing; want the number of people one helper may act for"},
		{"sites: all", "sites: kind:pharmacy", `f:23: timetables[0].sites: "kind:pharmacy" is an unknown kind; want kind:centre, kind:hospital or kind:clinic`},
		{"sites: all", `sites: "region:"`, `f:23: timetables[0].sites: "region:" names no region; want region:NAME`},
		{"start: +1d", "start: +1h", `f:23: timetables[0].start: "+1h" is no relative day; want days such as +1d, or a date such as 2021-07-26`},
		{"start: +1d", "start: tomorrow", `f:23: timetables[0].start: "tomorrow" is no date; want a date such as 2021-07-26`},
		{"days: 14", "days: 0", "f:23: timetables[0].days: is the number 0; want a whole number from 1 to 3660"},
		{hours, `from: "9:00", to: "17:00", every: 30m, seats: 5`, `f:23: timetables[0].from: "9:00" is no time of day; want a time of day in quotes, from "00:00" to "24:00"`},
		{hours, `from: "09:00", to: "25:00", every: 30m, seats: 5`, `f:23: timetables[0].to: "25:00" is no time of day; want a time of day in quotes, from "00:00" to "24:00"`},
		{hours, `from: "09:00", to: "09:20", every: 30m, seats: 5`, "f:23: timetables[0].to: no session of 30 minutes fits between 09:00 and 09:20; want a later end or a shorter session"},
		{hours, `from: "17:00", to: "09:00", every: 30m, seats: 5`, "f:23: timetables[0].to: no session of 30 minutes fits between 17:00 and 09:00; want a later end or a shorter session"},
		{"every: 30m", "every: 30", `f:23: timetables[0].every: "30" is no length of a session; want a length from 5m to 24h in whole minutes, such as 30m`},
		{"every: 30m", "every: 4m", `f:23: timetables[0].every: "4m" is no length of a session; want a length from 5m to 24h in whole minutes, such as 30m`},
		{"every: 30m", "every: 5m30s", `f:23: timetables[0].every: "5m30s" is no length of a session; want a length from 5m to 24h in whole minutes, such as 30m`},
		{"seats: 5", "seats: 0", "f:23: timetables[0].seats: is the number 0; want a whole number from 1 to 100000"},
		{"seats: 5", "seats: *five", "f:23: is not YAML: unknown anchor 'five' referenced; want the form that the manual shows"},
		{"seats: 5", "seats: 5, seats: 6", "f:23: timetables[0].seats: given twice, first on line 23; keep one"},
		{"programme:", "\tprogramme:", "f:1: is not YAML: found character that cannot start any token; want the form that the manual shows"},
	} {
		src := strings.Replace(good, c.old, c.new, 1)
		if src == good {
			t.Fatalf("%q is not in the good file", c.old)
		}
		p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-07-11T12:00:00+09:00")})
		if err == nil || err.Error() != c.want || p != nil {
			t.Errorf("%s → %s\n got %v\nwant %s", c.old, c.new, err, c.want)
		}
	}
}

func TestParseRefusesWholeFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"empty":         {"", "f: is empty; want a programme"},
		"only comments": {"# nothing\n", "f: is empty; want a programme"},
		"null":          {"~\n", "f: is empty; want a programme"},
		"a list":        {"- 1\n", "f:1: is a list; want a group of fields: programme, name, timezone, trial, products, campaigns, timetables, messages, shipping, fourEyes, retention"},
		"two documents": {string(readFile(t, "full.yaml")) + "---\na: 1\n", "f:56: a second document begins here; want one programme per file"},
		"too long":      {strings.Repeat("# long\n", MaxBytes/7+1), "f: is 1048579 bytes long; want at most 1048576"},
		"not UTF-8":     {"name: \xb0\xad\n", "f: is not UTF-8; want the file saved as UTF-8"},
		"merge key":     {"<<: {}\n", ""},
	} {
		_, err := Parse("f", []byte(c.src), Options{})
		if err == nil || c.want != "" && err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestParseTellsAllProblems compares the messages about each testdata/bad/*.yaml with the .txt beside it.
func TestParseTellsAllProblems(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/bad: %v", err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(filepath.Base(f), src, Options{})
		if err == nil {
			t.Errorf("%s: not refused", f)
			continue
		}
		golden := strings.TrimSuffix(f, ".yaml") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, readErr := os.ReadFile(golden)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if d := cmp.Diff(string(want), err.Error()+"\n"); d != "" {
			t.Errorf("%s: %s", f, d)
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	_, err := Parse("p.yaml", []byte("programme: X\n"), Options{})
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) != 6 {
		t.Fatalf("got %v, want 6 problems", err)
	}
	one, ok := errors.AsType[*Error](err)
	if !ok || one.File != "p.yaml" || one.Line != 1 || one.Field != "programme" {
		t.Errorf("got %+v", one)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte(strings.Repeat("x: 1\n", 10_000)), Options{})
	all, _ := errors.AsType[Errors](err)
	if len(all) != maxProblems+1 || !strings.HasPrefix(all[maxProblems].Msg, "9806 more problems") {
		t.Errorf("got %d problems, last %v", len(all), all[len(all)-1])
	}
}

func TestCampaignNumbers(t *testing.T) {
	t.Parallel()
	// Known vector of FNV-1a, so that numbers stay the same for ever.
	if n := number("foobar"); n != 0xbf9cf968 {
		t.Errorf("number is %#x", n)
	}
	full := string(readFile(t, "full.yaml"))
	// costarring and liquid have the same 32-bit FNV-1a hash.
	src := strings.NewReplacer("id: everybody", "id: costarring", "id: staff", "id: liquid").Replace(full)
	_, err := Parse("f", []byte(src), Options{})
	want := `f:41: campaigns[1].id: "liquid" has the same number, 1582148253, as "costarring"; want another id`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Parse("f", []byte(strings.Replace(full, "id: staff", "id: everybody", 1)), Options{})
	want = `f:41: campaigns[1].id: "everybody" is used twice; want an id of its own`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRelativeTimesAreResolvedOnceAndKept(t *testing.T) {
	t.Parallel()
	src := string(readFile(t, "covid19.yaml"))
	src = strings.NewReplacer("2021-07-12T19:00:00+09:00", "+30s", "2021-07-12T20:00:00+09:00", "+1h",
		"2021-07-17T18:00:00+09:00", "+49h30m\n    pauses: [{from: +2h, to: +3h, why: {en: Tea}}]").Replace(src)
	// 23:59:59.5 in Seoul rounds up into the next day.
	p, err := Parse("f", []byte(src), Options{FirstStart: at("2021-12-31T14:59:59Z").Add(time.Second / 2)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"campaigns[age-55-59].gathers":        "2022-01-01T00:00:30+09:00",
		"campaigns[age-55-59].opens":          "2022-01-01T01:00:00+09:00",
		"campaigns[age-55-59].closes":         "2022-01-03T01:30:00+09:00",
		"campaigns[age-55-59].pauses[0].from": "2022-01-01T02:00:00+09:00",
		"campaigns[age-55-59].pauses[0].to":   "2022-01-01T03:00:00+09:00",
		"timetables[all/0].start":             "2022-01-02",
	}
	if d := cmp.Diff(want, p.Resolved()); d != "" {
		t.Fatal(d)
	}
	if !p.Campaigns[0].Gathers.Equal(at("2022-01-01T00:00:30+09:00")) || p.Timetables[0].Start != on("2022-01-02") {
		t.Errorf("gathers %v, timetable from %v", p.Campaigns[0].Gathers, p.Timetables[0].Start)
	}
	p.Resolved()["timetables[all/0].start"] = "changed by a caller"

	// Later, with the text edited and a campaign made absolute: what was kept stands.
	src = strings.Replace(src, "gathers: +30s", "gathers: +45s", 1)
	again, err := Parse("f", []byte(src), Options{FirstStart: at("2022-02-01T00:00:00Z"), Resolved: p.Resolved()})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, again, exactly); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, again.Resolved()); d != "" {
		t.Error(d)
	}

	bad := map[string]string{"campaigns[age-55-59].opens": "soon", "timetables[all/0].start": "later"}
	_, err = Parse("f", []byte(src), Options{FirstStart: at("2022-02-01T00:00:00Z"), Resolved: bad})
	if err == nil || !strings.Contains(err.Error(), `opens: the value kept for it, "soon"`) || !strings.Contains(err.Error(), "start: the value kept for it is no date") {
		t.Errorf("damaged kept values: %v", err)
	}
	_, err = Parse("f", []byte(src), Options{})
	if err == nil || !strings.Contains(err.Error(), `"+1h" is relative to the first start, which is not known here`) {
		t.Errorf("no first start: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Parse("f", src, Options{FirstStart: at("2021-07-11T12:00:00+09:00")})
		if err != nil {
			all, ok := errors.AsType[Errors](err)
			if !ok || len(all) == 0 || p != nil {
				t.Fatalf("error %v of type %T, programme %v", err, err, p)
			}
			for _, e := range all {
				if strings.ContainsAny(e.Error(), "\n\r") {
					t.Fatalf("not one line: %q", e.Error())
				}
			}
			return
		}
		// What was accepted is accepted again with what it resolved, and means the same.
		again, err := Parse("f", src, Options{Resolved: p.Resolved()})
		if err != nil {
			t.Fatalf("second reading: %v", err)
		}
		if d := cmp.Diff(p, again, exactly); d != "" {
			t.Fatal(d)
		}
		for i := range p.Campaigns {
			c := &p.Campaigns[i]
			if c.Gathers.After(c.Opens) || !c.Closes.After(c.Opens) || c.Stock < 1 || c.Num == 0 {
				t.Fatalf("accepted %+v", c)
			}
		}
	})
}
