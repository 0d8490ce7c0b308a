package valkey

import "context"

// ClearLeases ends every campaign's lease as time would.
func (l *Line) ClearLeases(ctx context.Context) error {
	for _, ln := range l.lanes {
		if err := l.client.Do(ctx, l.client.B().Del().Key(ln.keys.own("lease")).Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}
