/*
 * What a server offers, read from its reply to EHLO or LHLO.
 *
 *     ehlo-ok = domain [ SP greet ] *( LF ehlo-line )     ; codes removed
 *     ehlo-line = keyword *( ( SP / TAB ) param )         ; RFC 5321 4.1.1.1
 *     keyword = ( ALPHA / DIGIT ) *( ALPHA / DIGIT / "-" )
 *
 * Keywords are whole words in any case; the first line is never one. Also read:
 * "AUTH=LOGIN". A malformed line, parameter or number is passed over alone.
 */
#ifndef ENVOI_PROTOCOL_CAPABILITIES_H
#define ENVOI_PROTOCOL_CAPABILITIES_H

#include <envoi/session.h>

#include "base/span.h"

/** Reads the text of the reply, lines joined by LF. Never fails. */
void envoi_capabilities_parse(
	struct envoi_capabilities *capabilities, struct envoi_span text);

#endif
