package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// A tally file has a line for each run with the three counts, and one for each package, test or check that took long enough to tell:
//
//	took SECONDS KIND NAME
//
// KIND is "package" or "test"; scripts/test writes such lines too.

// timing is how long something took.
type timing struct {
	Seconds float64
	Kind    string
	Name    string
}

const (
	kindPackage = "package"
	kindTest    = "test"

	tellFrom = 0.1 // seconds; below that it is not written
	slowest  = 10  // so many of each kind are shown
)

func appendTally(file string, t tally, times []timing) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintln(&b, t.Passed, t.Failed, t.Skipped)
	for _, x := range times {
		fmt.Fprintf(&b, "took %.2f %s %s\n", x.Seconds, x.Kind, x.Name)
	}
	_, err = io.WriteString(f, b.String())
	return errors.Join(err, f.Close())
}

func printSum(w io.Writer, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var total tally
	var times []timing
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "took "); ok {
			var x timing
			if n, err := fmt.Sscan(rest, &x.Seconds, &x.Kind); n != 2 {
				return fmt.Errorf("%s: line %q: want took SECONDS KIND NAME: %w", file, line, err)
			}
			x.Name = strings.SplitN(rest, " ", 3)[2]
			times = append(times, x)
			continue
		}
		var t tally
		if _, err := fmt.Sscan(line, &t.Passed, &t.Failed, &t.Skipped); err != nil {
			return fmt.Errorf("%s: line %q: want three numbers", file, line)
		}
		total.Passed += t.Passed
		total.Failed += t.Failed
		total.Skipped += t.Skipped
	}
	printSlowest(w, times)
	_, err = fmt.Fprintln(w, total)
	return err
}

func printSlowest(w io.Writer, times []timing) {
	for _, kind := range []string{kindPackage, kindTest} {
		var of []timing
		for _, x := range times {
			if x.Kind == kind {
				of = append(of, x)
			}
		}
		if len(of) == 0 {
			continue
		}
		slices.SortStableFunc(of, func(a, b timing) int { return cmp.Compare(b.Seconds, a.Seconds) })
		of = of[:min(len(of), slowest)]
		_, _ = fmt.Fprintf(w, "the slowest %ss, in seconds of the clock:\n", kind)
		for _, x := range of {
			_, _ = fmt.Fprintf(w, "  %7.1f  %s\n", x.Seconds, x.Name)
		}
	}
}

// times tells how long the packages and tests took. A test with subtests took what its subtests did not.
func (v *view) times(stage string) []timing {
	own := maps.Clone(v.took)
	for id, took := range v.took {
		if i := strings.LastIndexByte(id.Test, '/'); i >= 0 {
			own[testID{id.Package, id.Test[:i]}] -= took
		}
	}
	if stage != "" {
		stage += ": "
	}
	var out []timing
	for id, took := range own {
		switch {
		case took < tellFrom:
		case id.Test == "":
			out = append(out, timing{took, kindPackage, stage + id.Package})
		default:
			out = append(out, timing{took, kindTest, stage + id.Package + " " + id.Test})
		}
	}
	slices.SortFunc(out, func(a, b timing) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return out
}
