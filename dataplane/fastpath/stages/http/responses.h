/* responses.h: assigns the host's responses to requests, and finds where they end.
 *
 * Responses are not held and not refused. After a gap, the beginning of the next response is not
 * known; then the node sends nothing in the host's name until the connection has been idle.
 */
#ifndef SB_HTTP_RESPONSES_H
#define SB_HTTP_RESPONSES_H

#include "framing/message.h"
#include "work.h"

/* Handles a segment of the host of an inspected connection. */
void sb_http_host(const struct sb_http_work *work);
/* Called when the head of a request is complete, before it goes to the host. */
void sb_http_expect_response(const struct sb_http_work *work,
                             const struct sb_http_message *message);
/* Called before the client's bytes are used: after an idle time, responses are followed again. */
void sb_http_recover_responses(const struct sb_http_work *work);
/* Whether the next response is that to the current request, and the client has all responses before
 * it. is_expected: sb_http_expect_response was called for this request. */
bool sb_http_may_answer(const struct sb_http_work *work, bool is_expected);

#endif
