package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"charye/internal/durable"
	"charye/supply/dispense"
	custody "charye/supply/epcis"
	"charye/walk/clinic"
)

// openDispense opens what doses are given by: the verdicts, and the log of custody where one is kept: for parties who tell it, or by
// `charye supply capture`, as it was when this server started.
func (s *server) openDispense(ctx context.Context, dir *durable.Dir, postgres string) (*dispense.Room, error) {
	o := clinic.SupplyRules(s.programme)
	verdicts, err := openVerdicts(ctx, dir, postgres)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, verdicts.Close)
	o.Verdicts, o.Custody = verdicts, s.custody
	if s.custody != nil {
		return dispense.New(o), nil
	}
	if postgres == "" {
		if _, err := os.Stat(dir.File("epcis.db")); errors.Is(err, fs.ErrNotExist) {
			return dispense.New(o), nil
		} else if err != nil {
			return nil, err
		}
	}
	var kept custody.Store
	if kept, err = openCustody(ctx, dir, postgres); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, kept.Close)
	o.Custody = kept
	return dispense.New(o), nil
}
