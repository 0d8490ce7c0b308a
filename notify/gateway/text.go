package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"charye/notify"
)

// textService hands text messages to a service behind HTTP. One POST for each:
//
//	POST URL
//	Authorization: Bearer TOKEN
//	Idempotency-Key: 32 hex digits, the same at every try of the same message
//	{"to": "01012345678", "subject": "…", "text": "…"}
//
// 2xx means taken over. 400, 404, 410 and 422 mean that this message will never be taken; everything else is tried again.
type textService struct {
	url, token string
	client     *http.Client
}

func newTextService(url, token string) *textService {
	return &textService{url: url, token: token, client: &http.Client{
		Timeout: 15 * time.Second,
		// A service that sends us elsewhere is not the one we were told of.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type textMessage struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Send implements [notify.Gateway].
func (s *textService) Send(ctx context.Context, id notify.ID, to notify.Address, w notify.Words) error {
	body, err := json.Marshal(textMessage{To: to.Value, Subject: w.Subject, Text: w.Body})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("text: the service's address is refused")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", hex.EncodeToString(id[:]))
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	a, err := s.client.Do(r)
	if err != nil {
		return errors.New("text: the service cannot be reached")
	}
	defer func() { _ = a.Body.Close() }()
	_, _ = io.CopyN(io.Discard, a.Body, 1<<16) // so that the connection can be used again
	switch {
	case a.StatusCode/100 == 2:
		return nil
	case a.StatusCode == http.StatusBadRequest, a.StatusCode == http.StatusNotFound, a.StatusCode == http.StatusGone,
		a.StatusCode == http.StatusUnprocessableEntity:
		return fmt.Errorf("text: status %d: %w", a.StatusCode, notify.ErrRefused)
	}
	return fmt.Errorf("text: status %d", a.StatusCode)
}
