package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"charye/internal/durable"
	"charye/supply"
	"charye/supply/journal"
	supplysqlite "charye/supply/sqlite"
	"charye/supply/trace"
)

const supplyProgramme = `
programme: p
trial: true
name: {en: P}
timezone: Asia/Seoul
products:
  - id: flu
    name: {en: Influenza}
    cvx: "150"
    dosesPerVial: 10
    vials: {opensWith: 1}
    gtins: ["08809999000013"]
    storage: [{from: 2020-01-01, bands: [{name: cold, under: 2, side: cold, for: 0m}, {name: fridge, upto: 8}, {name: hot, side: warm, for: 0m}]}]
    series: {doses: 1}
campaigns:
  - {id: c, name: {en: C}, products: [flu], eligible: all, opens: 2026-09-12T20:00:00+09:00, closes: 2099-03-17T18:00:00+09:00, stock: 100, line: {order: arrival}}
timetables:
  - {sites: all, start: 2026-09-20, days: 10, from: "09:00", to: "11:00", every: 60m, seats: 4}
`

// supplyDir is a data directory with a programme, a site T1 and two boxes of ten vials there.
func supplyDir(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	dir, err := durable.OpenDir(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openKeys(dir); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		programmeFile: supplyProgramme, startFile: `{"programme": "p", "trial": true, "at": "2026-07-01T00:00:00Z", "resolved": {}}`,
	} {
		if err := os.WriteFile(dir.File(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sites := written(t, "sites.csv", "id,name,kind,address,lat,lon,phone,region\nT1,시험의원,clinic,서울특별시 중구,37.5,127.0,02-000-0000,서울특별시\n")
	done(t, importSitesCmd{Format: "csv", Data: data, File: sites}.Run)
	for n := range 2 {
		told(t, data, "2020-09-18T00:00:00Z", fmt.Sprintf(`"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[],"childQuantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":10}],"bizLocation":{"id":%q}`,
			boxURI(n+1), trace.SiteURN("T1")))
	}
	return data
}

func supplyBox(n int) supply.SSCC {
	k, _ := supply.NewSSCC(0, "8809999", uint64(n))
	return k
}

func boxURI(n int) string { return "https://id.gs1.org/00/" + supplyBox(n).String() }

// done runs a command that must succeed, and gives what it said.
func done(t *testing.T, run func(context.Context, streams) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), streams{out: &out, err: &out}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

// told captures an event.
func told(t *testing.T, data, at, text string) {
	t.Helper()
	file := written(t, "event.json", fmt.Sprintf(`{"@context":[],"eventTime":%q,"eventTimeZoneOffset":"+09:00",%s}`, at, text))
	done(t, supplyCaptureCmd{Where: supplyWhere{Data: data}, Party: "test", Files: []string{file}}.Run)
}

func used(t *testing.T, data, at, step string, n, doses int) {
	t.Helper()
	told(t, data, at, fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":%q,"epcList":[%q],"quantityList":[{"epcClass":"https://id.gs1.org/01/08809999000013/10/A","quantity":%d,"uom":"E27"}],"bizLocation":{"id":%q}`,
		step, boxURI(n), doses, trace.SiteURN("T1")))
}

func hold(t *testing.T, data string, n int, name string) {
	t.Helper()
	f := verdictFlags{Where: supplyWhere{Data: data}, Said: saidVerdict{Case: name, Reason: "froze", Evidence: []string{"file"}, Metres: 1000}, Asked: "rule", Agreed: "officer",
		Plan: filepath.Join(t.TempDir(), "plan"), Boxes: whichBoxes{SSCC: []string{supplyBox(n).String()}}}
	done(t, supplyHoldCmd{Flags: f}.Run)
}

// TestCheckFindsEachFaultOfSupply plants one fault after the other: each is named, and without one nothing is.
func TestCheckFindsEachFaultOfSupply(t *testing.T) {
	t.Parallel()
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	plant := func(file, text string) func(*testing.T, string) {
		return func(t *testing.T, data string) {
			db, err := sql.Open("sqlite", filepath.Join(data, file))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := supplyDir(t)
	used(t, data, "2020-09-19T00:00:00Z", "dispensing", 1, 3)
	hold(t, data, 1, "a")
	hold(t, data, 2, "b")
	settledAndNamed(t, data)
	for _, c := range []struct {
		name string
		do   func(*testing.T, string)
		want string
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"a verdict that is gone", plant("supply.db", `DROP TRIGGER verdict_stay_there; DELETE FROM verdict WHERE seq = 1`), "verdict 2 follows verdict 0"},
		{"a verdict of one alone", plant("supply.db", `DROP TRIGGER verdict_stay; UPDATE verdict SET body = replace(body, '"officer"', '"rule"') WHERE seq = 2`), "verdict 2: a verdict needs two"},
		{"a release out of nowhere", plant("supply.db", `DROP TRIGGER verdict_stay; UPDATE verdict SET body = replace(body, '"hold"', '"release"') WHERE seq = 1`), "verdict 1 cannot have been decided"},
		{"a box settled twice", plant("supply.db", `INSERT INTO journal (seq, kind, body) SELECT 3, kind, body FROM journal WHERE seq = 1`), "box " + supplyBox(9).String() + " is settled twice: for T1 by settlement 1, and once more by settlement 3"},
		{"a promise that nobody made", plant("supply.db", `INSERT INTO promise (box, settlement) VALUES (99, 1)`), "is held for settlement 1, which the journal does not say"},
		{"a promise that is gone", plant("supply.db", `DELETE FROM promise`), "0 boxes are held for settlements, the journal promises 1"},
		{"another site for a GLN", plant("supply.db", `UPDATE gln SET site = 'T9'`), "the table of GLNs has 1 rows that are not those that were imported"},
		{"another site in a settlement", plant("supply.db", `DROP TRIGGER journal_stay; UPDATE journal SET body = replace(body, '"T1"', '"T2"') WHERE seq = 1`), "the chain breaks at event 1"},
		{"given from a held box", func(t *testing.T, data string) { used(t, data, ahead, "dispensing", 1, 1) }, "a dose from box " + supplyBox(1).String() + " was given on "},
		{"more given than there was", func(t *testing.T, data string) { used(t, data, "2020-09-20T00:00:00Z", "dispensing", 2, 101) }, "101 doses are given, and it has 100"},
		{"counted otherwise", func(t *testing.T, data string) { used(t, data, "2020-09-20T00:00:00Z", "cycle_counting", 1, 96) }, "96 doses are counted, and 100 received - 3 given - 0 wasted leave 97"},
		{"given elsewhere", func(t *testing.T, data string) {
			told(t, data, "2020-09-18T12:00:00Z", fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"shipping","epcList":[%q]`, boxURI(1)))
		}, "3 doses are given where it is not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			c.do(t, dir)
			var out bytes.Buffer
			err := checkCmd{Data: dir}.Run(t.Context(), streams{out: &out, err: &out})
			switch {
			case c.want == "" && (err != nil || !strings.Contains(out.String(), "2  verdicts on boxes")):
				t.Errorf("%v\n%s", err, &out)
			case c.want != "" && (err == nil || !strings.Contains(out.String(), "WRONG") || !strings.Contains(out.String(), c.want)):
				t.Errorf("it said %v, want %q:\n%s", err, c.want, &out)
			}
		})
	}
}

// settledAndNamed settles a box and imports a GLN.
func settledAndNamed(t *testing.T, data string) {
	t.Helper()
	s, err := supplysqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2020, 9, 19, 0, 0, 0, 0, time.UTC)
	d := &journal.Departure{Depot: "d", Product: "flu", Leaves: at.Add(time.Hour), CutOff: at.Add(time.Hour), Loads: []journal.Load{{Box: supplyBox(9), Site: "T1", Vials: 1}}}
	for _, e := range []journal.Event{
		{At: at, By: "a", Kind: journal.Settle, Departure: d},
		{At: at, By: "a", Kind: journal.GLNs, Table: journal.NewTable(nil, []journal.GLN{{GLN: 8809999000105, Site: "T1"}})},
	} {
		if _, err := s.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLoggerExports takes real exports of loggers into custody, where they are at hand, and judges a box by them.
func TestLoggerExports(t *testing.T) {
	t.Parallel()
	root := os.Getenv("CHARYE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, "cold-chain-fridge-tag", "*Tag_*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the real data is not on this machine (cold-chain-fridge-tag in ../shared/data or $CHARYE_DATA)")
	}
	data := supplyDir(t)
	for _, f := range files {
		var out bytes.Buffer
		c := supplyReadingsCmd{Where: supplyWhere{Data: data}, Point: "site:T1", Zone: "Asia/Seoul", Files: []string{f}}
		if err := c.Run(t.Context(), streams{out: &out, err: &out}); err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		var again bytes.Buffer
		if err := c.Run(t.Context(), streams{out: &again, err: &again}); err != nil || !strings.Contains(again.String(), " 0 of them new") {
			t.Errorf("%s again: %v %s", f, err, &again)
		}
	}
	said := done(t, supplyJudgeCmd{Where: supplyWhere{Data: data}, Overdue: 26 * time.Hour, Handover: time.Hour, Most: 5}.Run)
	if !strings.Contains(said, "of 2 boxes, by ") {
		t.Error(said)
	}
}

// TestVerdictNeedsTwo: in a programme that is not a trial a verdict is what two managers agreed to, once; names on the command line are nothing.
func TestVerdictNeedsTwo(t *testing.T) {
	t.Parallel()
	data := supplyDir(t)
	for name, text := range map[string]string{
		programmeFile: strings.Replace(supplyProgramme, "trial: true\n", "", 1),
		startFile:     `{"programme": "p", "trial": false, "at": "2026-07-01T00:00:00Z", "resolved": {}}`,
	} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan := filepath.Join(t.TempDir(), "plan")
	said := func(want string, ok bool, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"supply"}, args...), streams{out: &out, err: &errs})
		if (code == exitDone) != ok || !strings.Contains(out.String()+errs.String(), want) {
			t.Fatalf("charye supply %v: %d %s%s; want %q", args, code, out.String(), errs.String(), want)
		}
	}
	what := []string{"--data", data, "--case", "truck", "--reason", "froze", "--evidence", "file", supplyBox(1).String()}
	said("are not two people", false, append([]string{"hold", "--asked", "a", "--agreed", "b", "--plan", plan}, what...)...)
	said("1 of them change, with 100 doses", true, append([]string{"ask", "hold"}, what...)...)
	said("not in a state for this: it is asked", false, "hold", "--data", data, "--request", "1", "--plan", plan)
	agree(t, data, 1, 2)
	said("request 1 is for: hold", false, "recall", "--data", data, "--request", "1", "--plan", plan)
	said("want boxes", false, "hold", "--data", data, "--request", "1", "--plan", plan, supplyBox(2).String())
	said("verdict 1 kept", true, "hold", "--data", data, "--request", "1", "--plan", plan)
	said("it is done", false, "hold", "--data", data, "--request", "1", "--plan", plan)
	said("all", true, append([]string{"ask", "recall"}, "--data", data, "--case", "all", "--reason", "r", "--evidence", "e", "--lot", "A")...)
	agree(t, data, 1, 2)
	said("2 boxes named", true, "recall", "--data", data, "--request", "2", "--plan", plan+"2")
	said("there is no such request", false, "hold", "--data", data, "--request", "9", "--plan", plan+"3")
}
