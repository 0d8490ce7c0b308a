package pagetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Steps is what fakes of services record and are told to answer.
type Steps struct {
	Mu sync.Mutex
	// What each step answers instead, when set.
	Fail map[string]error
	// What was asked for, in order: "Book hold=… key=…".
	Taken []string
}

// NewSteps gives steps that all succeed.
func NewSteps() Steps { return Steps{Fail: map[string]error{}} }

// Step records a call and gives what it is to answer.
func (s *Steps) Step(name, format string, args ...any) error {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Taken = append(s.Taken, strings.TrimSpace(name+" "+fmt.Sprintf(format, args...)))
	return s.Fail[name]
}

// Called reports whether some call began so.
func (s *Steps) Called(prefix string) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return slices.ContainsFunc(s.Taken, func(c string) bool { return strings.HasPrefix(c, prefix) })
}
