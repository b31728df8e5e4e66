/* countries.c: the table of countries: one trie per address family. */
#include "countries.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "countries_private.h"
#include "packet/address.h"

static bool are_sound(const struct sb_country_range *ranges, uint32_t count, bool is_ipv4);

int sb_countries_create(const struct sb_country_range *ipv4, uint32_t ipv4_count,
                        const struct sb_country_range *ipv6, uint32_t ipv6_count,
                        struct sb_countries **out) {
    struct sb_countries *countries;
    int result;

    if (!are_sound(ipv4, ipv4_count, true) || !are_sound(ipv6, ipv6_count, false))
        return -EINVAL;
    countries = calloc(1, sizeof(*countries));
    if (countries == NULL)
        return -ENOMEM;
    result = sb_trie_build(&countries->ipv4, ipv4, ipv4_count);
    if (result == 0)
        result = sb_trie_build(&countries->ipv6, ipv6, ipv6_count);
    if (result != 0) {
        sb_countries_destroy(countries);
        return result;
    }
    *out = countries;
    return 0;
}

void sb_countries_destroy(struct sb_countries *countries) {
    if (countries == NULL)
        return;
    sb_trie_destroy(&countries->ipv4);
    sb_trie_destroy(&countries->ipv6);
    free(countries);
}

uint32_t sb_countries_find(const struct sb_countries *countries, const uint8_t address[16]) {
    const struct sb_family_address key = sb_country_address(address, 6);
    struct sb_country_batch batch = {.hi = {key.hi}, .lo = {key.lo}};

    sb_country_batch_find(key.is_ipv4 ? &countries->ipv4 : &countries->ipv6, &batch, 1, true);
    return batch.slot[0];
}

uint64_t sb_countries_bytes(const struct sb_countries *countries) {
    return sizeof(*countries) + countries->ipv4.bytes + countries->ipv6.bytes;
}

static bool are_sound(const struct sb_country_range *ranges, uint32_t count, bool is_ipv4) {
    if (count == 0 || count > SB_COUNTRY_RANGES_MAX || ranges[0].hi != 0 || ranges[0].lo != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sb_country_range *range = &ranges[i];
        const struct sb_country_range *before = i > 0 ? range - 1 : NULL;

        if (range->country > SB_COUNTRY_MAX ||
            (is_ipv4 && (range->lo != 0 || (uint32_t)range->hi != 0)))
            return false;
        if (before != NULL &&
            (range->hi < before->hi || (range->hi == before->hi && range->lo <= before->lo)))
            return false;
    }
    return true;
}
