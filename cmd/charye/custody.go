package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"charye/epcis"
	"charye/internal/durable"
	"charye/internal/telemetry"
	custody "charye/supply/epcis"
	custodypostgres "charye/supply/epcis/postgres"
	custodysqlite "charye/supply/epcis/sqlite"
)

type supplyCmd struct {
	Token supplyTokenCmd `cmd:"" help:"Make a token for a party that captures or asks for custody events, and add its hash to a file for serve --supply-tokens."`

	Capture  supplyCaptureCmd  `cmd:"" help:"Capture EPCIS documents from files, as the HTTP interface does."`
	Readings supplyReadingsCmd `cmd:"" help:"Take loggers' files into the log of custody."`
	Scope    supplyScopeCmd    `cmd:"" help:"Show what a reading, boxes or a lot touch: legs, boxes, lots, sites, bookings, people (as counts)."`
	Judge    supplyJudgeCmd    `cmd:"" help:"Say which boxes the readings put in doubt: frozen, warm, unknown."`
	Ask      supplyAskCmd      `cmd:"" help:"Ask two managers to agree to a verdict: hold, release, recall or destroy. What comes of it is for the command of that name, with --request."`
	Hold     supplyHoldCmd     `cmd:"" help:"Hold boxes: their vials go from the sites' counts, and who loses a dose by that is moved and told."`
	Release  supplyReleaseCmd  `cmd:"" help:"End the hold of a case; vials come back, and people too."`
	Recall   supplyRecallCmd   `cmd:"" help:"Recall boxes, for good."`
	Destroy  supplyDestroyCmd  `cmd:"" help:"Have held or recalled boxes destroyed, for good."`
	Followup supplyFollowupCmd `cmd:"" help:"Who was given a dose from boxes that a case recalled or had destroyed: list them, and have those doses not count, so that people are told and choose another."`
	Plan     supplyPlanCmd     `cmd:"" help:"Plan deliveries: from what is booked to boxes for each site and day, what is short, and what may go from site to site."`
	Settle   supplySettleCmd   `cmd:"" help:"Settle departures of a plan: from then on their boxes are promised, for every later plan."`
	Settled  supplySettledCmd  `cmd:"" help:"What is settled: departures, or the packing list of one."`
	Withdraw supplyWithdrawCmd `cmd:"" help:"Take a settlement back, as far as it has not left."`
}

type supplyTokenCmd struct {
	File   string `required:"" placeholder:"FILE" help:"The file of tokens; made when absent."`
	Party  string `required:"" placeholder:"NAME" help:"Who gets the token: a maker, a carrier, a clinic. One party may have several, to change from one to the next."`
	Rights string `default:"capture,query" placeholder:"RIGHTS" help:"capture, query or ${default}; ${default} by default."`
}

// Run prints the token, which is written nowhere, and keeps its hash.
func (c supplyTokenCmd) Run(std streams) (err error) {
	if err := epcis.CheckParty(c.Party); err != nil {
		return &usageError{msg: "--party: " + err.Error()}
	}
	rights, err := epcis.ParseRights(c.Rights)
	if err != nil {
		return &usageError{msg: "--rights: " + err.Error()}
	}
	if src, err := os.Open(c.File); err == nil { // rather no token than one in a file that serve refuses
		_, err := epcis.ReadTokens(c.File, src)
		if err := errors.Join(err, src.Close()); err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	token, line := epcis.NewToken(epcis.Party{Name: c.Party, Rights: rights})
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(std.err, "added %s (%s) to %s; a server reads the file when it starts. The token is shown this once:\n", c.Party, rights, c.File); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, token)
	return err
}

// readTokens reads the file of --supply-tokens; nil without one.
func readTokens(path string) (t *epcis.Tokens, err error) {
	if path == "" {
		return nil, nil
	}
	src, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--supply-tokens: %w", err)
	}
	t, err = epcis.ReadTokens(path, src)
	return t, errors.Join(err, src.Close())
}

// openCustody opens the custody events of PostgreSQL when url is given, else those of the data directory.
func openCustody(ctx context.Context, dir *durable.Dir, url string) (custody.Store, error) {
	if url != "" {
		return custodypostgres.Open(ctx, url)
	}
	return custodysqlite.Open(ctx, dir.Path())
}

// wireCustody joins the store of custody to its face; without tokens there is neither.
func (s *server) wireCustody(metrics *telemetry.Metrics) {
	if s.tokens == nil {
		return
	}
	face := epcis.New(s.custody, epcis.Options{Tokens: s.tokens, Now: time.Now, Logger: s.log, Metrics: metrics})
	metrics.WatchBatch("custody", face.Waiting)
	s.closers = append(s.closers, func() error { face.Stop(); return nil })
	s.custodyFace = face
}

// custodyOwns reports whether a request is for the face of custody.
func (s *server) custodyOwns(r *http.Request) bool {
	return s.custodyFace != nil && epcis.Owns(r.URL.Path)
}
