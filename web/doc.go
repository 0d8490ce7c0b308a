// Package web is all pages as one handler: it makes the frame and every face, and mounts them.
//
// It owns which face answers where. What people see and in which words is the faces': citizen, desk, clinic, manage and supply, with signin, each with
// its templates; what they stand in is package page, the words are in catalogue, scripts and styles in assets. A face knows no other face.
package web
