package epcis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"charye/supply/epcis"
)

// sentJSON refuses a body that says it is something else.
func (x *exchange) sentJSON() error {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "application/ld+json" {
		return refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "Form not understood", "send Content-Type: application/json or application/ld+json")
	}
	return nil
}

// read takes the body, bounded, and parses it.
func (x *exchange) read(limit int) ([]*epcis.Event, func(), error) {
	if err := x.sentJSON(); err != nil {
		return nil, nil, err
	}
	if b := x.r.Header.Get("GS1-Capture-Error-Behaviour"); b != "" && b != "rollback" {
		return nil, nil, refuse(http.StatusNotImplemented, "ImplementationException", "Not implemented", "GS1-Capture-Error-Behaviour: a job is taken whole or not at all (rollback)")
	}
	size := x.r.ContentLength
	if size > MaxBody {
		return nil, nil, tooLarge("the body has " + strconv.FormatInt(size, 10) + " bytes; at most " + strconv.Itoa(MaxBody))
	}
	if size < 0 {
		size = MaxBody // not said beforehand
	}
	if !x.bodies.TryAcquire(size) {
		return nil, nil, busy(time.Second)
	}
	free := func() { x.bodies.Release(size) }
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, MaxBody))
	if err == nil {
		var events []*epcis.Event
		if events, err = epcis.Parse(body, limit); err == nil {
			return events, free, nil
		}
	} else if _, large := errors.AsType[*http.MaxBytesError](err); !large {
		err = refuse(http.StatusBadRequest, "ValidationException", "Body not readable", "the body ended before its end")
	}
	free()
	return nil, nil, err
}

// commit waits for the outcome of a job, but not longer than a client does. What is captured is captured whole also when nobody waits any more;
// its place among the bodies is given back when that is over.
func (x *exchange) commit(job epcis.Job, free func()) (epcis.Outcome, error) {
	job.By, job.At = x.party.Name, x.now
	type result struct {
		out epcis.Outcome
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer free()
		out, err := x.pool.Do(context.WithoutCancel(x.r.Context()), job)
		done <- result{out, err}
	}()
	late := time.NewTimer(x.opts.Patience)
	defer late.Stop()
	select {
	case r := <-done:
		return r.out, r.err
	case <-late.C:
		return epcis.Outcome{}, fmt.Errorf("%w: it goes on after %v", epcis.ErrUnknown, x.opts.Patience)
	}
}

func (x *exchange) postCapture() error {
	events, free, err := x.read(MaxEvents)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	job := epcis.Job{ID: hex.EncodeToString(id[:]), Events: events}
	if _, err := x.commit(job, free); err != nil {
		return err
	}
	x.w.Header().Set("Location", Prefix+"/capture/"+job.ID)
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

// captureJob is the standard's document of a job. Jobs are done when their address is told, so none is ever running.
type captureJob struct {
	ID        string    `json:"captureID"`
	Created   time.Time `json:"createdAt"`
	Finished  time.Time `json:"finishedAt"`
	Running   bool      `json:"running"`
	Success   bool      `json:"success"`
	Behaviour string    `json:"captureErrorBehaviour"`
	Errors    []problem `json:"errors"`
}

func (x *exchange) getCapture() error {
	r, err := x.store.Report(x.r.Context(), x.r.PathValue("captureID"))
	if errors.Is(err, epcis.ErrNotFound) || err == nil && r.By != x.party.Name { // another's job is none of this party's business
		return notFound("there is no such capture job of this party")
	}
	if err != nil {
		return err
	}
	job := captureJob{ID: r.ID, Created: r.Created, Finished: r.Finished, Success: r.Problem == "", Behaviour: "rollback", Errors: []problem{}}
	if r.Problem != "" {
		job.Errors = append(job.Errors, *refuse(http.StatusConflict, "ResourceAlreadyExistsException", "Event exists already", r.Problem))
	}
	return x.json(http.StatusOK, job)
}

func (x *exchange) postEvent() error {
	events, free, err := x.read(1)
	if err != nil {
		if errors.Is(err, epcis.ErrTooMany) {
			return refuse(http.StatusBadRequest, "ValidationException", "One event is wanted", "send several to "+Prefix+"/capture")
		}
		return err
	}
	if len(events) != 1 {
		free()
		return refuse(http.StatusBadRequest, "ValidationException", "One event is wanted", "there is none")
	}
	out, err := x.commit(epcis.Job{Events: events}, free)
	if err == nil {
		err = out.Err
	}
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", Prefix+"/events/"+url.PathEscape(events[0].ID))
	x.w.WriteHeader(http.StatusCreated)
	return nil
}

func (x *exchange) json(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.send(status, b)
	return nil
}

func (x *exchange) send(status int, b []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b) // who does not take the answer has gone
}
