//go:build charye_weak

package weak

import (
	"os"
	"sync/atomic"
)

var name atomic.Pointer[Defence]

func init() { Set(Defence(os.Getenv("CHARYE_WEAK"))) }

// Set switches this defence off, and all others on.
func Set(d Defence) { name.Store(&d) }

// Off reports whether CHARYE_WEAK, or [Set], names this defence.
func Off(d Defence) bool { return *name.Load() == d }
