/* tables.c - slimc report: results of runs, as tables and plots */
#include "cli/cli.h"

#include "base/file.h"
#include "report/report.h"

static const struct slim_span nowhere = { NULL, 0, 0 };

static enum slim_status write_text(const char *path,
                                   const struct slim_text *text,
                                   struct slim_diag *diag)
{
    return slim_file_write(path, text->data, text->length, nowhere, diag);
}

/* The format that an option of its name asks for; two are one too many. */
static const struct slim_report_format *format_of(struct slim_cli *cli)
{
    const struct slim_report_format *format = slim_report_format_find("text");
    size_t count = 0;

    for (const struct slim_given *g = cli->given; g; g = g->next) {
        const struct slim_report_format *named =
            slim_report_format_find(slim_options[g->id].name);
        if (named)
            format = named;
        count += named != NULL;
    }
    return count <= 1 ? format : NULL;
}

int slim_command_report(struct slim_cli *cli)
{
    const struct slim_report_format *format = format_of(cli);
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);
    struct slim_report report = { 0 };
    struct slim_text text = { 0 };

    if (cli->operand_count == 0)
        return slim_cli_usage(cli, "which results? Name run.json files, or "
                                   "directories that hold one");
    if (!format)
        return slim_cli_usage(cli, "a report is printed in one format");
    if (slim_report_open(&report, cli->operands, cli->operand_count,
                         &cli->diag) == SLIM_OK) {
        format->print(&text, &report);
        if (!output)
            (void)fwrite(text.data, 1, text.length, stdout);
        else
            (void)!write_text(output, &text, &cli->diag);
    }
    slim_text_free(&text);
    slim_report_close(&report);
    return slim_cli_report(cli, &cli->diag);
}

static enum slim_status write_all(struct slim_cli *cli,
                                  const struct slim_report *report,
                                  const char *directory)
{
    const struct slim_report_format *f = slim_report_formats;
    enum slim_status status = SLIM_OK;

    for (; f->name && status == SLIM_OK; f++) {
        struct slim_text text = { 0 };
        f->print(&text, report);
        status = write_text(slim_path_join(cli->arena, directory, f->file),
                            &text, &cli->diag);
        slim_text_free(&text);
    }
    return status;
}

int slim_cli_tables(struct slim_cli *cli, const char *results)
{
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);
    struct slim_report report = { 0 };
    struct slim_text text = { 0 };

    if (slim_report_open(&report, &results, 1, &cli->diag) == SLIM_OK) {
        bool json = slim_cli_has(cli, SLIM_OPTION_json);
        (json ? slim_report_json : slim_report_text)(&text, &report);
        if (json || !slim_cli_has(cli, SLIM_OPTION_quiet))
            printf("%s%s", json ? "" : "\n", text.data ? text.data : "");
        if (output)
            (void)!write_all(cli, &report, output);
    }
    slim_text_free(&text);
    slim_report_close(&report);
    return slim_cli_report(cli, &cli->diag);
}
