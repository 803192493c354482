/*
 * Any text as a server and as a pin: what is taken is a name or literal no
 * resolver can misread, and its label is read again as the same.
 */
#include <string.h>

#include <envoi/server.h>
#include <envoi/tls.h>

#include "fuzz.h"
#include "net/resolve.h"

static void check_host(const struct envoi_server *server)
{
	struct envoi_server again;
	MUST(server->path == NULL && server->port != 0);
	MUST(server->host[0] != '\0' && strlen(server->host) <= 254);
	for (const char *p = server->host; *p != '\0'; p++) {
		MUST(strchr(server->host, '%') != NULL || (*p > 32 && *p <= 126));
		MUST(strchr("/@[]", *p) == NULL || strchr(server->host, '%') != NULL);
	}
	struct envoi_endpoint endpoint;
	(void)envoi_resolve_literal(server->host, server->port, &endpoint);
	if (strchr(server->host, '%') != NULL) {
		return;
	}
	MUST(envoi_server_parse(server->label, &again, NULL) == 0);
	MUST(strcmp(again.host, server->host) == 0 && again.port == server->port);
	MUST(strcmp(again.label, server->label) == 0);
	envoi_server_finish(&again);
}

static void check_path(const struct envoi_server *server)
{
	struct envoi_endpoint *list = NULL;
	size_t count = 0;
	MUST(server->path != NULL && server->path[0] != '\0' && server->lmtp);
	MUST(envoi_resolve(server, AF_UNSPEC, &list, &count, NULL) == 0);
	MUST(count == 1 && strcmp(list[0].address.un.sun_path, server->path) == 0);
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_server server = {0};
	unsigned char pin[32];
	char *text = malloc(size + 1);
	MUST(text != NULL);
	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	(void)envoi_tls_pin_parse(text, pin, NULL);
	if (envoi_server_parse(text, &server, &err) != 0) {
		MUST(err.status == ENVOI_STATUS_USAGE && err.text[0] != '\0');
		MUST(server.host == NULL && server.label == NULL);
	} else if (server.host != NULL) {
		check_host(&server);
	} else {
		check_path(&server);
	}
	envoi_server_finish(&server);
	free(text);
	return 0;
}
