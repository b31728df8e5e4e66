/* responses.h: what a host answers: which request an answer is for, and where it ends.
 *
 * Nothing of it is held or refused. Behind a gap nobody knows where a response begins; then the
 * node does not speak in the host's name until the connection has been idle.
 */
#ifndef SB_HTTP_RESPONSES_H
#define SB_HTTP_RESPONSES_H

#include "framing/message.h"
#include "work.h"

/* A segment of the host of an inspected connection. */
void sb_http_host(const struct sb_http_work *work);
/* The head of a request is complete and about to go to the host. */
void sb_http_expect_response(const struct sb_http_work *work,
                             const struct sb_http_message *message);
/* Before a client's bytes are taken: an idle connection is known again. */
void sb_http_recover_responses(const struct sb_http_work *work);
/* Whether the next response is that of the request at hand, and the client has all of those before.
 * is_expected: it has been said of this request that a response will come. */
bool sb_http_may_answer(const struct sb_http_work *work, bool is_expected);

#endif
