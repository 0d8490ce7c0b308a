// Command charye is the whole of Charye in one binary: it serves a programme, imports sites and rosters, and brings its
// own crowd to prove itself against.
//
// It owns flags and wiring only; everything that decides anything is in the packages it joins.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"charye/internal/durable"
	"charye/programme"

	"github.com/alecthomas/kong"
)

// version is set at build time.
var version = "dev"

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line; its tags are the manual that `charye help` prints.
type cli struct {
	Demo       demoCmd       `cmd:"" help:"Start a national demo in a temporary folder: a campaign that opens within a minute, and a simulated crowd around you."`
	Serve      serveCmd      `cmd:"" help:"Serve a programme."`
	Import     importCmd     `cmd:"" help:"Import sites, their vials or a roster into a data directory, also while it is being served."`
	Session    sessionCmd    `cmd:"" help:"Print signed sessions of made-up people for load tests, one JSON object a line. Trial programmes only."`
	Rush       rushCmd       `cmd:"" help:"Bring the crowd: honest people and cheats over real HTTP, and a report."`
	Check      checkCmd      `cmd:"" help:"Re-read an installation and prove its promises: counters, bookings, places, draw, passes, events."`
	Prepare    prepareCmd    `cmd:"" help:"Make or upgrade the tables of a cluster's database as their owner, so that a role which owns nothing can serve."`
	Move       moveCmd       `cmd:"" help:"Move an installation of one machine into a cluster, without losing a place or a booking."`
	Reschedule rescheduleCmd `cmd:"" help:"Move follow-up doses that are booked already, when an interval changes in the middle of a programme."`
	Requests   requestsCmd   `cmd:"" help:"What two people must want before it is done: what is asked for, and what became of it."`
	Rules      rulesCmd      `cmd:"" name:"programme" help:"What a changed programme file would change, and asking for it where a campaign has begun."`
	Vials      vialsCmd      `cmd:"" help:"Write how many vials each site needs on each day for what is booked, as CSV."`
	Deliver    deliverCmd    `cmd:"" help:"Tell that vaccine came to a campaign beside what its programme foresees, or went: what comes is shared out in the order of the line."`
	Drill      drillCmd      `cmd:"" help:"Rehearse a day on which things go wrong, and check every promise."`
	Supply     supplyCmd     `cmd:"" help:"Vaccine on its way: custody, readings, which boxes are in doubt, whom that touches, and verdicts on them."`
	Keys       keysCmd       `cmd:"" help:"The keys of an installation: list them, rotate them while everything is served, re-seal what they sealed, retire them."`
	Retain     retainCmd     `cmd:"" help:"Erase people's data by the dates of the programme's retention rules."`
	Erase      eraseCmd      `cmd:"" help:"Erase one person's data because they ask for it, as far as the programme's rules allow; with a preview."`
	Leftovers  leftoversCmd  `cmd:"" help:"Offer the doses that a site has left over today to the people on its list, one after the other."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Help       helpCmd       `cmd:"" help:"Print this help, or that of a command."`
}

// streams are where a command reads from and writes to.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	code := run(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run parses the arguments and runs one command. Errors are one line on stderr that says what to do.
func run(ctx context.Context, args []string, std streams) int {
	var c cli
	exited, exitCode := false, 0
	parser, err := kong.New(&c,
		kong.Name("charye"),
		kong.Description("Charye (차례): everybody gets a fair turn, and nobody gets around it."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exited, exitCode = true, code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return fail(std, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if exited {
		return exitCode
	}
	if err != nil {
		_, _ = fmt.Fprintf(std.err, "charye: %s; see `charye help`\n", oneLine(err))
		return exitUsage
	}
	if err := kctx.Run(); err != nil {
		if exited {
			return exitCode
		}
		return fail(std, err)
	}
	return exitDone
}

// usageError is a wrong use that flags alone could not tell.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func fail(std streams, err error) int {
	if problems, ok := errors.AsType[programme.Errors](err); ok {
		// A file is put right in one go: a line for each problem.
		for _, p := range problems {
			_, _ = fmt.Fprintf(std.err, "charye: %s\n", oneLine(p))
		}
		return exitFailed
	}
	_, _ = fmt.Fprintf(std.err, "charye: %s\n", oneLine(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// oneLine tells an error in one line, with what to do where the cause is known.
func oneLine(err error) string {
	msg := err.Error()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		msg += "; another program uses that address: stop it, or choose another with --listen"
	case errors.Is(err, durable.ErrDiskFull), errors.Is(err, syscall.ENOSPC):
		msg += "; make space on the disk of the data directory and start again: nothing acknowledged was lost"
	case errors.Is(err, durable.ErrDamaged):
		msg += "; put the data directory back from a backup, or name another one"
	case errors.Is(err, durable.ErrNewerData):
		msg += "; use that newer charye, or another data directory"
	}
	return strings.ReplaceAll(strings.TrimSpace(msg), "\n", "; ")
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "charye %s\n", version)
	return err
}

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command to explain."`
}

// Run prints the manual of a command, or the overview.
func (h helpCmd) Run(ctx context.Context, std streams) error {
	quiet := streams{out: std.out, err: io.Discard}
	if code := run(ctx, append(h.Command, "--help"), quiet); code != exitDone {
		return &usageError{msg: "no such command: " + strings.Join(h.Command, " ") + "; see `charye help`"}
	}
	return nil
}
