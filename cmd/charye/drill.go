package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"charye/booking/sqlite"
	"charye/supply/drill"
)

type drillCmd struct {
	ColdChain coldChainCmd `cmd:"" name:"cold-chain" help:"Rehearse September 2020: boxes that froze or stood in the warm, and who had them. Nothing is served and nothing is kept."`
}

type coldChainCmd struct {
	Scenario string  `default:"2020-09" help:"2020-09: 5.78 million doses at 11,808 sites, 196 departures from 2-8 °C."`
	Scale    float64 `default:"1" help:"Size of everything, 0.001 to 1; ${default} is the country."`
	Seed     uint64  `default:"1" help:"The same seed gives the same drill."`
	JSON     string  `name:"json" placeholder:"FILE" help:"Write the report as JSON."`
}

// Run rehearses and prints the report.
func (c coldChainCmd) Run(ctx context.Context, std streams) (err error) {
	dir, err := os.MkdirTemp("", "charye-drill-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := sqlite.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(l.Close(), err) }()
	cfg := drill.Config{Scenario: c.Scenario, Scale: c.Scale, Seed: c.Seed, Ledger: l, Peak: peakMemory}
	if f, ok := std.err.(*os.File); ok && isTerminal(f) {
		cfg.Progress = func(what string) { _, _ = fmt.Fprintf(f, "\r%-60s", what) }
		defer func() { _, _ = fmt.Fprint(f, "\r\x1b[K") }()
	}
	r, err := drill.Run(ctx, cfg)
	if errors.Is(err, drill.ErrScenario) {
		return &usageError{msg: "--scenario, --scale: " + err.Error()}
	}
	if err != nil {
		return err
	}
	if c.JSON != "" {
		var b bytes.Buffer
		if err := errors.Join(r.WriteJSON(&b), os.WriteFile(c.JSON, b.Bytes(), 0o600)); err != nil {
			return err
		}
	}
	if err := r.WriteText(std.out); err != nil {
		return err
	}
	if !r.OK() {
		return errBroken
	}
	return nil
}

// peakMemory is the most memory that this process has had, in bytes; 0 where the system does not tell.
func peakMemory() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for l := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(l, []byte("VmHWM:"))
		if f := bytes.Fields(rest); ok && len(f) > 0 {
			kb, err := strconv.ParseInt(string(f[0]), 10, 64)
			if err == nil {
				return kb * 1024
			}
		}
	}
	return 0
}
