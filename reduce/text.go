package reduce

import (
	"fmt"
	"io"
)

// WriteText writes the summary for people.
func (s *Summary) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "there are %d doses, there would be %d; %d are booked or kept for somebody\n%d people lose theirs, of %d who can: %d get another product, %d another day, %d stand first in line for what comes free\n",
		s.Before, s.After, s.Taken, s.Lose, s.Spare, s.Kinds[OtherProduct], s.Kinds[OtherDay], s.Kinds[Standby]); err != nil || len(s.Later) == 0 {
		return err
	}
	n := len(s.Later)
	_, err := fmt.Fprintf(w, "another day is later by %d days for half of them at most, by %d for nine in ten, by %d for the last\n", s.Later[(n-1)/2], s.Later[(n-1)*9/10], s.Later[n-1])
	return err
}
