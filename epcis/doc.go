// Package epcis is the face of custody: the HTTP interface of GS1's EPCIS 2.0, for the machines of makers, carriers, stores and
// clinics.
//
// It owns the routes under [Prefix], what a party must show to be let in, headers, paging, and how refusals look on the wire
// (RFC 9457 documents with the standard's exception types). What is a right event, and what a query means, is said by package
// supply/epcis; how events are kept, by an engine that the face is given. It must not know of any other room.
//
// Left out of the standard's interface: XML, subscriptions to named queries, and capturing what can be captured of a job
// ("proceed"). A parameter or header that asks for one of these is refused, never passed over.
package epcis
