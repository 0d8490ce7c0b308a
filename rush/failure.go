package rush

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// kindOf names a failed connection in one of a few words.
func kindOf(err error) string {
	var ne net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.Is(err, errProtocol), errors.Is(err, errTooLong):
		return "unreadable answer"
	default:
		return "connection failed"
	}
}
