package epcis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The sizes of a page.
const (
	DefaultPerPage = 30
	MaxPerPage     = 1000
)

// Order is by what events are sorted.
type Order uint8

// The orders. Events of one instant are in the order of their capture.
const (
	ByEventTime Order = iota
	ByRecordTime
)

// Query asks for events: those that meet every condition that is set. In a list, one of the values is enough.
type Query struct {
	Types        []string
	Actions      []string
	BizSteps     []string // in the short form, see [Word]
	Dispositions []string
	ReadPoints   []string // as [Key] gives them
	BizLocations []string
	IDs          []string
	Declared     bool // only those that declare an error

	From, Before                 time.Time // event time, [From, Before); zero: no bound
	RecordedFrom, RecordedBefore time.Time // record time, likewise

	Matches []Match

	// Where are the conditions for which there is no index. Engines leave them to [Walk], as they do what follows.
	Where []Condition

	// First is how many events all pages have together at most; Most, how many there may be at all before the answer is
	// [*TooLargeError]. 0: any number.
	First, Most int64

	// Looks is how many events are looked at for one page, at most, where that is not said by an index; 0: [MaxLooks].
	Looks int

	Order     Order
	Ascending bool
	Limit     int     // of one page; from 1
	After     *Cursor // the page after this one; nil: the first
}

// Match asks for a thing or class in one of the roles.
type Match struct {
	Roles  []Role
	Wanted Wanted
}

// Cursor is where a page ended. What was captured after the first page was read is on none of the pages.
type Cursor struct {
	Bound int64 // the last event captured when the first page was read
	At    int64 // event time of the last event shown, in Unix microseconds; 0 when sorted by record time
	Seq   int64 // place in the order of capture of the last event shown, or looked at
	Shown int64 // how many events all pages up to here have
}

// ParameterError says what is wrong with a query.
type ParameterError struct {
	Name    string
	Value   string
	Problem string
}

func (e *ParameterError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("parameter %s: %s", e.Name, e.Problem)
	}
	return fmt.Sprintf("parameter %s: %q: %s", e.Name, e.Value, e.Problem)
}

var anyEPC = []Role{RoleEPC, RoleParent, RoleChild, RoleInput, RoleOutput}
var anyClass = []Role{RoleClass, RoleChildClass, RoleInputClass, RoleOutputClass}

// matches are the MATCH parameters and the roles that they are about.
var matches = map[string][]Role{
	"MATCH_epc":            {RoleEPC, RoleChild},
	"MATCH_parentID":       {RoleParent},
	"MATCH_inputEPC":       {RoleInput},
	"MATCH_outputEPC":      {RoleOutput},
	"MATCH_anyEPC":         anyEPC,
	"MATCH_epcClass":       {RoleClass, RoleChildClass},
	"MATCH_inputEPCClass":  {RoleInputClass},
	"MATCH_outputEPCClass": {RoleOutputClass},
	"MATCH_anyEPCClass":    anyClass,
}

// maxValues bounds the values of one query, over all parameters.
const maxValues = 200

// ParseQuery reads the standard's query parameters; lists are separated by "|", and names of extensions are in full or have one of the
// prefixes. One that is not known is refused, since a condition left out would show too much; every error is a [*ParameterError]. Of
// paging, perPage is read and the token is not: that is the face's.
//
// Source: EPCIS 2.0 section 8.2.7.1, and the schema of queries that comes with it.
func ParseQuery(parameters map[string][]string, prefixes Prefixes) (Query, error) {
	lists := make(map[string][]string, len(parameters))
	for _, name := range sortedNames(parameters) {
		given := parameters[name]
		if len(given) != 1 || given[0] == "" && !exists(name) {
			return Query{Limit: DefaultPerPage}, &ParameterError{Name: name, Problem: "want it once, with a value"}
		}
		lists[name] = strings.Split(given[0], "|")
	}
	return parseLists(lists, prefixes)
}

// parseLists is ParseQuery for values that have been taken apart.
func parseLists(lists map[string][]string, prefixes Prefixes) (Query, error) {
	q := Query{Limit: DefaultPerPage}
	ordered := false
	count := 0
	for _, name := range sortedNames(lists) {
		list := lists[name]
		one := strings.Join(list, "|")
		if count += len(list); count > maxValues {
			return q, &ParameterError{Name: name, Problem: fmt.Sprintf("the query has more than %d values", maxValues)}
		}
		if slices.Contains(list, "") && (one != "" || !exists(name)) {
			return q, &ParameterError{Name: name, Value: one, Problem: "a value is empty"}
		}
		if strings.ContainsRune(one, 0) || !utf8.ValidString(one) {
			return q, &ParameterError{Name: name, Problem: "no text"}
		}
		if err := q.set(name, one, list, prefixes, &ordered); err != nil {
			return q, err
		}
	}
	for _, name := range []string{"orderDirection", "eventCountLimit"} {
		if !ordered && lists[name] != nil {
			return q, &ParameterError{Name: name, Problem: "goes with orderBy"}
		}
	}
	if q.First > 0 && q.Most > 0 {
		return q, &ParameterError{Name: "maxEventCount", Problem: "does not go with eventCountLimit"}
	}
	return q, nil
}

func (q *Query) set(name, one string, list []string, prefixes Prefixes, ordered *bool) (err error) {
	fault := func(problem string) error { return &ParameterError{Name: name, Value: one, Problem: problem} }
	switch name {
	case "eventType":
		for _, t := range list {
			if !slices.Contains(EventTypes(), t) && !strings.Contains(t, ":") {
				return fault("want one of " + strings.Join(EventTypes(), ", ") + ", or an extension's own")
			}
		}
		q.Types = list
	case "EQ_action":
		for _, a := range list {
			if a != "ADD" && a != "OBSERVE" && a != "DELETE" {
				return fault("want ADD, OBSERVE or DELETE")
			}
		}
		q.Actions = list
	case "EQ_bizStep":
		q.BizSteps = each(list, Word)
	case "EQ_disposition":
		q.Dispositions = each(list, Word)
	case "EQ_readPoint":
		q.ReadPoints = each(list, Key)
	case "EQ_bizLocation":
		q.BizLocations = each(list, Key)
	case "EQ_eventID":
		q.IDs = list
	case "EXISTS_errorDeclaration":
		declared, err := truth(one)
		if err != nil {
			return fault(err.Error())
		}
		q.Declared = q.Declared || declared
	case "GE_eventTime":
		return q.instant(&q.From, name, one)
	case "LT_eventTime":
		return q.instant(&q.Before, name, one)
	case "GE_recordTime":
		return q.instant(&q.RecordedFrom, name, one)
	case "LT_recordTime":
		return q.instant(&q.RecordedBefore, name, one)
	case "orderBy":
		*ordered = true
		switch one {
		case "eventTime":
		case "recordTime":
			q.Order = ByRecordTime
		default: // the first page in the order of an extension's member could be told only when all events have been read
			return fault("want eventTime or recordTime")
		}
	case "orderDirection":
		switch one {
		case "ASC":
			q.Ascending = true
		case "DESC":
		default:
			return fault("want ASC or DESC")
		}
	case "eventCountLimit":
		if q.First, err = strconv.ParseInt(one, 10, 64); err != nil || q.First < 1 {
			return fault("want a whole number from 1")
		}
	case "maxEventCount":
		if q.Most, err = strconv.ParseInt(one, 10, 64); err != nil || q.Most < 1 {
			return fault("want a whole number from 1")
		}
	case "perPage":
		if q.Limit, err = strconv.Atoi(one); err != nil || q.Limit < 1 {
			return fault("want a whole number from 1")
		}
		q.Limit = min(q.Limit, MaxPerPage)
	default:
		roles, ok := matches[name]
		if !ok {
			if ok, err = q.condition(name, one, list, prefixes); err != nil {
				return fault(err.Error())
			}
			if !ok {
				return &ParameterError{Name: name, Problem: "not a parameter that is understood here"}
			}
			return nil
		}
		m := Match{Roles: roles}
		for _, value := range list {
			if err := m.Wanted.add(value); err != nil {
				return fault(err.(*ParameterError).Problem) //nolint:errorlint // add gives nothing else
			}
		}
		q.Matches = append(q.Matches, m)
	}
	return nil
}

func (q *Query) instant(to *time.Time, name, value string) error {
	t, err := parseTime(value)
	if err != nil {
		return &ParameterError{Name: name, Value: value, Problem: "want an instant with its distance from UTC (RFC 3339)"}
	}
	*to = t
	return nil
}

// Word is the short form of a word of the CBV, which may also be asked for by its URI.
func Word(s string) string {
	for _, base := range []string{"https://ns.gs1.org/cbv/", "http://ns.gs1.org/cbv/"} {
		if rest, ok := strings.CutPrefix(s, base); ok {
			if _, word, ok := strings.Cut(rest, "-"); ok {
				return word
			}
		}
	}
	if rest, ok := strings.CutPrefix(s, "urn:epcglobal:cbv:"); ok {
		if _, word, ok := strings.Cut(rest, ":"); ok && word != "" {
			return word
		}
	}
	return s
}

func each(list []string, f func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = f(s)
	}
	return out
}
