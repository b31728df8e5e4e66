/* message_events.h: the callbacks of llhttp for a request. */
#ifndef SB_HTTP_MESSAGE_EVENTS_H
#define SB_HTTP_MESSAGE_EVENTS_H

#include "message.h"

/* For a parser that is the first member of a struct sb_http_message. */
extern const llhttp_settings_t sb_http_llhttp_settings;

#endif
