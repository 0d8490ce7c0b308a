package rush

import (
	"bytes"
	"strconv"
	"time"
)

// parseHead reads a status line and the headers that this client needs. length is -1 when not given.
func parseHead(h []byte) (a answer, length int64, chunked, closing bool, err error) {
	a.retryAfter, length = -1, -1
	i := bytes.IndexByte(h, '\n')
	if i < 14 || string(h[:7]) != "HTTP/1." || h[8] != ' ' {
		return a, 0, false, true, errProtocol
	}
	closing = h[7] == '0'
	for _, d := range h[9:12] {
		if d < '0' || d > '9' {
			return a, 0, false, true, errProtocol
		}
		a.status = a.status*10 + int(d-'0')
	}
	if h[12] != ' ' && h[12] != '\r' {
		return a, 0, false, true, errProtocol
	}
	h = h[i+1:]
	for len(h) > 2 {
		i = bytes.IndexByte(h, '\n')
		if i < 0 {
			return a, 0, false, true, errProtocol
		}
		l := bytes.TrimRight(h[:i], "\r")
		h = h[i+1:]
		colon := bytes.IndexByte(l, ':')
		if colon <= 0 {
			return a, 0, false, true, errProtocol
		}
		name, val := l[:colon], l[colon+1:]
		// The length tells most headers apart without comparing letters.
		switch len(name) {
		case len("content-length"):
			if equalFold(name, "content-length") {
				n, err := strconv.ParseUint(string(bytes.TrimSpace(val)), 10, 62)
				if err != nil || length >= 0 && length != int64(n) {
					return a, 0, false, true, errProtocol
				}
				length = int64(n)
			}
		case len("transfer-encoding"):
			if equalFold(name, "transfer-encoding") {
				if !equalFold(bytes.TrimSpace(val), "chunked") {
					return a, 0, false, true, errProtocol
				}
				chunked = true
			}
		case len("connection"):
			if equalFold(name, "connection") && equalFold(bytes.TrimSpace(val), "close") {
				closing = true
			}
		case len("retry-after"):
			if equalFold(name, "retry-after") {
				if n, err := strconv.ParseUint(string(bytes.TrimSpace(val)), 10, 31); err == nil {
					a.retryAfter = time.Duration(n) * time.Second
				}
			}
		}
	}
	return a, length, chunked, closing, nil
}

// equalFold compares ASCII letters without case; lower is in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
