# xc_embed_file(TARGET FILE SYMBOL): puts a file's bytes into the target as
#   namespace xc::embedded { extern const std::string_view SYMBOL; }
# As script (cmake -P) it writes the source itself.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${XC_INPUT}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  file(WRITE "${XC_OUTPUT}" "#include <string_view>
namespace xc::embedded {
extern const std::string_view ${XC_SYMBOL};
namespace {
constexpr unsigned char bytes_of_${XC_SYMBOL}[] = {
${bytes}0};
}
const std::string_view ${XC_SYMBOL}(reinterpret_cast<const char*>(bytes_of_${XC_SYMBOL}),
                                    sizeof bytes_of_${XC_SYMBOL} - 1);
}  // namespace xc::embedded
")
  return()
endif()

set(XC_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")
function(xc_embed_file TARGET FILE SYMBOL)
  get_filename_component(input "${FILE}" ABSOLUTE)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded_${SYMBOL}.cc")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND ${CMAKE_COMMAND} "-DXC_INPUT=${input}" "-DXC_OUTPUT=${output}" "-DXC_SYMBOL=${SYMBOL}"
            -P "${XC_EMBED_SCRIPT}"
    DEPENDS "${input}" "${XC_EMBED_SCRIPT}"
    COMMENT "Embedding ${FILE}"
    VERBATIM)
  target_sources(${TARGET} PRIVATE "${output}")
  set_source_files_properties("${output}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()
