/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/geo_source.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flowd/base/log.h"
#include "proto/address.h"

struct geo_database {
	const char *path; /* NULL: none */
	MMDB_s mmdb;
	bool open, told;
	struct timespec changed;
};

struct geo {
	struct geo_database city, asn;
	char country[8];
	char as_name[ENDPOINT_TEXT_MAX + 1];
};

static void geo_close_one(struct geo_database *database)
{
	if (database->open)
		MMDB_close(&database->mmdb);
	database->open = false;
}

static void geo_refresh(struct geo_database *database)
{
	struct stat status;
	int result;

	if (!database->path)
		return;
	if (stat(database->path, &status)) {
		if (!database->told)
			log_warning("%s: %s; addresses get no place from it", database->path,
				    strerror(errno));
		database->told = true;
		return;
	}
	if (!memcmp(&status.st_mtim, &database->changed, sizeof(database->changed)))
		return;
	geo_close_one(database);
	database->changed = status.st_mtim;
	result = MMDB_open(database->path, MMDB_MODE_MMAP, &database->mmdb);
	database->open = result == MMDB_SUCCESS;
	database->told = false;
	if (result != MMDB_SUCCESS)
		log_warning("%s: %s; give a MaxMind database (mmdb)", database->path,
			    MMDB_strerror(result));
}

static bool geo_find(struct geo_database *database, const uint8_t address[16],
		     MMDB_lookup_result_s *found)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	int error = MMDB_SUCCESS;

	if (!database->open)
		return false;
	if (address_is_mapped(address)) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, address + 12, 4);
	} else {
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, address, 16);
	}
	*found = MMDB_lookup_sockaddr(&database->mmdb, (struct sockaddr *)&storage, &error);
	return error == MMDB_SUCCESS && found->found_entry;
}

static bool geo_text(MMDB_lookup_result_s *found, char *text, size_t size, const char *first,
		     const char *second)
{
	MMDB_entry_data_s data;

	if (MMDB_get_value(&found->entry, &data, first, second, NULL) != MMDB_SUCCESS ||
	    !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING)
		return false;
	if (data.data_size >= size)
		data.data_size = (uint32_t)size - 1;
	memcpy(text, data.utf8_string, data.data_size);
	text[data.data_size] = '\0';
	return true;
}

static void geo_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct geo *geo = self;
	MMDB_lookup_result_s found;
	MMDB_entry_data_s number;

	(void)ask;
	if (draft->local)
		return;
	if (geo_find(&geo->city, draft->address, &found) &&
	    geo_text(&found, geo->country, sizeof(geo->country), "country", "iso_code"))
		identity_draft_text(draft, ENDPOINT_COUNTRY, geo->country);
	if (!geo_find(&geo->asn, draft->address, &found))
		return;
	if (geo_text(&found, geo->as_name, sizeof(geo->as_name), "autonomous_system_organization",
		     NULL))
		identity_draft_text(draft, ENDPOINT_AS_NAME, geo->as_name);
	if (MMDB_get_value(&found.entry, &number, "autonomous_system_number", NULL) ==
		    MMDB_SUCCESS &&
	    number.has_data && number.type == MMDB_DATA_TYPE_UINT32)
		draft->endpoint.asn = number.uint32;
}

static void geo_tick(void *self, uint64_t now_ns)
{
	struct geo *geo = self;

	(void)now_ns;
	geo_refresh(&geo->city);
	geo_refresh(&geo->asn);
}

static void geo_close(void *self)
{
	struct geo *geo = self;

	geo_close_one(&geo->city);
	geo_close_one(&geo->asn);
	free(geo);
}

int geo_source_open(struct identity_source *source, const char *city, const char *asn)
{
	struct geo *geo = calloc(1, sizeof(*geo));

	if (!geo)
		return -ENOMEM;
	geo->city.path = city;
	geo->asn.path = asn;
	geo_tick(geo, 0);
	*source = (struct identity_source){
		.name = "geo", .fill = geo_fill, .tick = geo_tick, .close = geo_close, .self = geo
	};
	return 0;
}
