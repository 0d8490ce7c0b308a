// Package clock names where server time comes from. Domain code takes an instant as a value; machines that run on take
// a [Func]. Nothing here, and nothing anywhere in Charye, reads "now" from a request.
package clock

import "time"

// Func gives the present instant. It must be safe for concurrent use.
type Func func() time.Time
