# xc_embed_console(TARGET): puts every file of console/dist into the target, compressed, behind
# src/console/asset_table.h. `./x build` makes console/dist through npm; CMake runs no npm. Without
# it a small page is embedded that says what to run.
#
# Run as a script (cmake -P) by the build it writes, into XC_OUTPUT: N.gz for each file, console.S,
# which includes their bytes, and console.cc, the table. XC_DIST, XC_HASHED_FOLDER: see below.

if(CMAKE_SCRIPT_MODE_FILE)
  set(TYPE_html "text/html; charset=utf-8")
  set(TYPE_js "text/javascript; charset=utf-8")
  set(TYPE_css "text/css; charset=utf-8")
  set(TYPE_json "application/json")
  set(TYPE_svg "image/svg+xml")
  set(TYPE_png "image/png")
  set(TYPE_ico "image/x-icon")
  set(TYPE_txt "text/plain; charset=utf-8")
  set(TYPE_woff2 "font/woff2")

  find_program(gzip gzip REQUIRED)
  file(REMOVE_RECURSE "${XC_OUTPUT}/gz" "${XC_OUTPUT}/missing")
  file(MAKE_DIRECTORY "${XC_OUTPUT}/gz")

  set(dist "${XC_DIST}")
  if(NOT EXISTS "${dist}/index.html")
    set(dist "${XC_OUTPUT}/missing")
    file(WRITE "${dist}/index.html" "<!doctype html>
<html lang=\"zh-CN\">
<head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">
<meta name=\"viewport\" content=\"width=device-width\"><title>星槎 Xingcha</title>
<style>body{font:16px/1.8 sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}</style></head>
<body><h1>星槎</h1>
<p>这个程序编译时没有网页控制台。请运行 <code>./x build</code>，然后重新启动。</p>
<p lang=\"en\">This program was built without its web console. Run <code>./x build</code>, then
start it again.</p>
<p lang=\"en\">API: <a href=\"/v1/models\">/v1/models</a></p></body>
</html>
")
  endif()

  file(GLOB_RECURSE files RELATIVE "${dist}" "${dist}/*")
  # The table is searched by bytes, so it is sorted by bytes, whatever the locale.
  list(SORT files COMPARE STRING CASE SENSITIVE ORDER ASCENDING)

  set(assembly "    .section .rodata\n")
  set(symbols "")
  set(rows "")
  set(index 0)
  foreach(file ${files})
    string(REGEX MATCH "[^.]+$" extension "${file}")
    if(NOT DEFINED TYPE_${extension})
      message(FATAL_ERROR "console/dist/${file}: no content type for .${extension}")
    endif()
    set(packed "${XC_OUTPUT}/gz/${index}.gz")
    # -n: no name and no time in it, so that the same sources make the same program.
    execute_process(COMMAND "${gzip}" -9nc "${dist}/${file}" OUTPUT_FILE "${packed}"
                    COMMAND_ERROR_IS_FATAL ANY)
    file(SIZE "${packed}" size)
    file(SHA256 "${dist}/${file}" digest)
    string(SUBSTRING "${digest}" 0 32 tag)
    string(FIND "/${file}" "/${XC_HASHED_FOLDER}/" hashed)
    if(hashed EQUAL 0)
      set(immutable true)
    else()
      set(immutable false)
    endif()
    string(APPEND assembly "    .globl xc_console_${index}\nxc_console_${index}:\n"
                           "    .incbin \"${packed}\"\n")
    string(APPEND symbols "extern const char xc_console_${index}[];\n")
    string(APPEND rows "    Asset{\"/${file}\", \"${TYPE_${extension}}\", \"\\\"${tag}\\\"\",\n"
                       "          {xc_console_${index}, ${size}}, ${immutable}},\n")
    math(EXPR index "${index} + 1")
  endforeach()

  string(APPEND assembly "    .section .note.GNU-stack, \"\", %progbits\n")
  file(WRITE "${XC_OUTPUT}/console.S" "${assembly}")
  file(WRITE "${XC_OUTPUT}/console.cc" "// Written by cmake/EmbedConsole.cmake.
#include \"console/asset_table.h\"

extern \"C\" {
${symbols}}

namespace xc::console {
namespace {
constinit const Asset kAssets[] = {
${rows}};
}  // namespace
std::span<const Asset> asset_table() { return kAssets; }
}  // namespace xc::console
")
  return()
endif()

set(XC_EMBED_CONSOLE_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")
function(xc_embed_console TARGET)
  set(dist "${PROJECT_SOURCE_DIR}/console/dist")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded_console")
  # A file that comes or goes runs CMake again, which changes the list; one that changes, or a
  # changed list, runs the script again.
  file(GLOB_RECURSE files CONFIGURE_DEPENDS "${dist}/*")
  file(CONFIGURE OUTPUT "${output}/files.txt" CONTENT "${files}" @ONLY)
  add_custom_command(
    OUTPUT "${output}/console.S" "${output}/console.cc"
    COMMAND ${CMAKE_COMMAND} "-DXC_DIST=${dist}" "-DXC_OUTPUT=${output}"
            "-DXC_HASHED_FOLDER=assets" -P "${XC_EMBED_CONSOLE_SCRIPT}"
    DEPENDS ${files} "${output}/files.txt" "${XC_EMBED_CONSOLE_SCRIPT}"
    COMMENT "Embedding the console"
    VERBATIM)
  target_sources(${TARGET} PRIVATE "${output}/console.S" "${output}/console.cc")
  set_source_files_properties("${output}/console.cc" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()
