package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"charye/internal/civil"
	"charye/keeping"
	"charye/person"
	"charye/programme"
)

type retainCmd struct {
	Plan  retainPlanCmd  `cmd:"" help:"List what the programme's retention rules erase, when, and how much of it is due; nothing is changed."`
	Apply retainApplyCmd `cmd:"" help:"Erase what is due, while everything is served. Interrupted and run again it goes on. For a timer, once a day."`
}

type retainPlanCmd struct {
	Where whereKept `embed:""`
}

// Run lists what is due.
func (c retainPlanCmd) Run(ctx context.Context, std streams) error {
	return c.Where.with(ctx, func(k keepers) error {
		list, err := keeping.Count(ctx, k.rooms, k.programme, today(k.programme))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(std.out, "the programme has no retention rules: nothing is erased by date")
			return err
		}
		w := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "RULE\tOF\tFROM\tDUE NOW")
		for _, d := range list {
			on := "each booking's own day"
			if d.On > 0 {
				on = d.On.String()
			}
			due := "-"
			if d.On <= today(k.programme) {
				due = fmt.Sprint(d.Rows)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Rule, orAll(d.Of), on, due)
		}
		return w.Flush()
	})
}

func orAll(of string) string {
	if of == "" {
		return "the programme"
	}
	return of
}

func today(p *programme.Programme) civil.Date { return civil.Of(time.Now(), p.Zone) }

type retainApplyCmd struct {
	Where     whereKept `embed:""`
	PerSecond int       `default:"2000" placeholder:"N" help:"Most rows in a second, ${default} by default; 0 for as fast as it goes."`
}

// Run erases what is due.
func (c retainApplyCmd) Run(ctx context.Context, std streams) error {
	if c.PerSecond < 0 {
		return &usageError{msg: "--per-second: want 0 or more"}
	}
	return c.Where.with(ctx, func(k keepers) error {
		pace, end := paced(c.PerSecond, std)
		total := int64(0)
		err := keeping.Apply(ctx, k.rooms, k.programme, today(k.programme), time.Now(), pace, func(d keeping.Counted) {
			if total += d.Rows; d.Rows > 0 {
				_, _ = fmt.Fprintf(std.out, "%d rows of %s of %s are erased\n", d.Rows, d.Rule, orAll(d.Of))
			}
		})
		end()
		if err != nil {
			return fmt.Errorf("%w; the same command goes on", err)
		}
		if total == 0 {
			_, err = fmt.Fprintln(std.out, "nothing was due")
		}
		return err
	})
}

type eraseCmd struct {
	Where     whereKept `embed:""`
	Person    string    `placeholder:"KEY" help:"The person key, 32 hexadecimal digits."`
	Subject   string    `placeholder:"FILE" help:"A file with what the identity provider calls the person (in Korea the CI), on one line; - for standard input. Instead of --person."`
	Namespace string    `default:"ci" placeholder:"NAME" help:"The namespace of --subject: what the providers' configuration says, ${default} by default."`
	Yes       bool      `help:"Erase. Without it nothing is changed, and what would be is told."`
}

// Run erases one person's data, as far as the programme's rules allow.
func (c eraseCmd) Run(ctx context.Context, std streams) error {
	if (c.Person == "") == (c.Subject == "") {
		return &usageError{msg: "say whose: --person KEY or --subject FILE"}
	}
	return c.Where.with(ctx, func(k keepers) error {
		who, err := c.who(k)
		if err != nil {
			return err
		}
		if !c.Yes {
			o, err := keeping.Preview(ctx, k.rooms, k.programme, who, today(k.programme))
			if err != nil {
				return err
			}
			if err := tellOwn(std, o, "would be erased"); err != nil {
				return err
			}
			_, err = fmt.Fprintln(std.out, "nothing was changed; --yes erases")
			return err
		}
		o, err := keeping.ErasePerson(ctx, k.rooms, k.programme, who, today(k.programme), time.Now())
		if err != nil {
			return fmt.Errorf("%w; the same command goes on", err)
		}
		return tellOwn(std, o, "erased")
	})
}

func (c eraseCmd) who(k keepers) (who person.Key, err error) {
	if c.Person != "" {
		b, err := hex.DecodeString(c.Person)
		if err != nil || len(b) != len(who) {
			return who, &usageError{msg: "--person: want 32 hexadecimal digits"}
		}
		return person.Key(b), nil
	}
	f := os.Stdin
	if c.Subject != "-" {
		if f, err = os.Open(c.Subject); err != nil {
			return who, fmt.Errorf("--subject: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	line, _ := bufio.NewReader(f).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return who, errors.New("--subject: the file is empty")
	}
	return person.NewKeyer(k.keys).Key(c.Namespace, line), nil
}

func tellOwn(std streams, o keeping.Own, done string) error {
	_, err := fmt.Fprintf(std.out, `%s: %d people to act for, or helpers, or temporary identities; %d addresses and %d messages; %d lists for leftover doses; the names on %d bookings
kept: the names on %d bookings, by the programme's retention rules; %d bookings, places and what happened, under a key without a name; what rosters say
`, done, o.Recipients, o.Contacts, o.Messages, o.Leftovers, o.Names, o.NamesKept, o.Bookings)
	return err
}
