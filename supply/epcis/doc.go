// Package epcis is the custody of vaccine as GS1's EPCIS 2.0 tells it: what happened to which boxes and lots, when, where and
// why, from the factory to the fridge.
//
// It owns the reading of EPCIS documents in JSON and JSON-LD, the rules by which an event is taken or refused (schema.json,
// in our own words), what of an event can be asked for, the standard's query parameters, what capturing the same event again
// means, and the contract of the engines that keep events. An event is kept as it was written: what is read out of it serves
// for finding it, never for giving it back.
//
// It must not know of HTTP, SQL, files or the clock, nor what a box, a lot or an excursion means for a booking: that is for
// package supply, which reads the events.
//
// Sources: GS1 EPCIS Standard 2.0 and GS1 Core Business Vocabulary Standard 2.0 (CBV).
package epcis
